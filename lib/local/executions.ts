/** Keeps the executions of state machines on disk: what was started, what happened, how it ended; one that the last stop cut off is marked as aborted. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

export interface HistoryEvent {
  readonly id: number;
  /** Seconds since the epoch, as the API has them. */
  readonly timestamp: number;
  readonly type: string;
  readonly state?: string;
  readonly error?: string;
  readonly cause?: string;
}

export interface StoredExecution {
  readonly arn: string;
  readonly name: string;
  readonly machine_arn: string;
  readonly started_at: number;
  /** JSON text. */
  readonly input: string;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED';
  stopped_at?: number;
  output?: string;
  error?: string;
  cause?: string;
  readonly history: HistoryEvent[];
}

/** The newest of them are kept. */
const most = 100;

export interface Executions {
  all(): StoredExecution[];
  find(arn: string): StoredExecution | undefined;
  add(execution: StoredExecution): void;
  /** Appends to its history, changes it, and writes everything down. */
  note(execution: StoredExecution, type: string, more?: Partial<HistoryEvent>, change?: Partial<StoredExecution>): void;
}

export const now = (): number => Date.now() / 1000;

export function openExecutions(file: string): Executions {
  const known: StoredExecution[] = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as StoredExecution[]) : [];
  const save = () => {
    writeFileSync(`${file}.new`, JSON.stringify(known.slice(-most)), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  const executions: Executions = {
    all: () => [...known],
    find: (arn) => known.find((one) => one.arn === arn),
    add(execution) {
      known.push(execution);
      executions.note(execution, 'ExecutionStarted');
    },
    note(execution, type, more = {}, change = {}) {
      execution.history.push({ id: execution.history.length + 1, timestamp: now(), type, ...more });
      Object.assign(execution, change);
      save();
    },
  };
  for (const one of known.filter(({ status }) => status === 'RUNNING'))
    executions.note(one, 'ExecutionAborted', {}, { status: 'ABORTED', stopped_at: now() });
  return executions;
}
