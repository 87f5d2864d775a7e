/** Shows how far a procedure has come while it runs: the lines that it logs about this very run. */
import { setTimeout as pause } from 'node:timers/promises';
import { type FunctionProcedureName, type Procedure, procedures } from '../procedures.ts';
import type { ToolContext } from '../releases/tool.ts';
import { selectLogs } from './log-selection.ts';
import { readLogs, type Selection } from './read-logs.ts';
import { withLogs } from './stage-clients.ts';

/** In seconds: what may take longer shows its progress. */
const longRun = 120;
export const takesLong = (name: FunctionProcedureName): boolean => ((procedures[name] as Procedure).seconds ?? 30) > longRun;

export interface Watched {
  readonly functions: readonly FunctionProcedureName[];
  /** Id that the lines of the run carry. */
  readonly run: string;
  /** Takes a line for people. */
  readonly tell: (line: string) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** CloudWatch gets lines some seconds late, milliseconds. */
const lateMs = 15_000;

/** Goes on until the signal; a stage whose logs cannot be read says so once, and the procedure goes on. */
export async function watchProgress(context: ToolContext, { functions, run, tell, signal }: Watched): Promise<void> {
  const started = Date.now();
  const chosen = selectLogs(context.stage, { view: undefined, functions });
  const selection: Selection = {
    ...chosen,
    patterns: () => [`{ $.message = "progress" && $.run = "${run}" }`],
    keep: ({ json }) => json?.message === 'progress' && json.run === run,
  };
  const told = new Set<string>();
  const wait = context.stage === 'local' ? 250 : 2000;
  try {
    await withLogs(context, async (logs) => {
      while (!signal.aborted) {
        for (const { group, id, json, time } of await readLogs(logs, selection, { from: started - lateMs, to: Date.now() })) {
          if (told.has(`${group} ${id}`)) continue;
          told.add(`${group} ${id}`);
          tell(`${new Date(time).toISOString().slice(11, 19)}  ${json?.detail}\n`);
        }
        await pause(wait, undefined, { signal });
      }
    });
  } catch (error) {
    if (!signal.aborted) tell(`(progress cannot be shown: ${(error as Error).message})\n`);
  }
}

/** Watches for as long as the work takes. */
export async function whileWatching<T>(
  context: ToolContext,
  watched: Omit<Watched, 'signal'>,
  work: () => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const watching = watchProgress(context, { ...watched, signal: ended.signal });
  try {
    return await work();
  } finally {
    ended.abort();
    await watching;
  }
}
