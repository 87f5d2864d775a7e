/** The tables of docs/scaling.md. */
import { figureTable } from '../costs/tables.ts';
import { growingTables, type RequestKind, readMeasured, requestKinds } from '../figures/measured.ts';
import { computeGrowth, computeLimits } from './limits.ts';
import type { Outcome } from './run.ts';
import { simulate } from './simulate.ts';

const whole = (value: number) => Math.round(value).toLocaleString('en');
const gigabytes = (bytes: number) => (bytes < 1e10 ? (bytes / 1e9).toFixed(1) : whole(bytes / 1e9));

/** What one request of each kind takes. */
export function renderRequests(): string {
  const { requests } = readMeasured();
  return figureTable(
    ['Request', 'statements', 'function, CPU ms', 'database, CPU ms', 'write-ahead log, B', 'function log, B'],
    requestKinds.map((kind) => {
      const { statements, cpu_ms, database_ms, wal_bytes, log_bytes } = requests[kind];
      return [kind.replace('_', ' '), ...[statements, cpu_ms, database_ms, wal_bytes, log_bytes].map(String)];
    }),
  );
}

export function renderRows(): string {
  const { row_bytes } = readMeasured();
  return figureTable(
    ['Row with its indexes', 'B'],
    growingTables.map((name) => [`\`${name}\``, String(row_bytes[name])]),
  );
}

/** Where production is full, for requests of one kind. */
export function renderLimits(kind: RequestKind = 'client_credentials'): string {
  return figureTable(
    ['Limit', 'in production', 'full at, requests/s', 'raised by'],
    computeLimits(readMeasured(), kind).map(({ name, value, full_at, raised_by }) => [name, value, whole(full_at), raised_by]),
  );
}

export function renderGrowth(): string {
  return figureTable(
    ['Tokens a second', 'tokens a day', 'access tokens stored, GB', 'write-ahead log a day, GB'],
    [10, 1_000, 10_000, 100_000].map((perSecond) => {
      const { access_tokens, wal_a_day } = computeGrowth(readMeasured(), perSecond);
      return [whole(perSecond), whole(perSecond * 86_400), gigabytes(access_tokens), gigabytes(wal_a_day)];
    }),
  );
}

function rowOf({ scenario, seconds, peaks, p50_ms, p95_ms, sign_ins }: Outcome): readonly string[] {
  const loud = seconds.slice(scenario.step_at_s, scenario.ends_at_s);
  const mean = (pick: (second: Outcome['seconds'][number]) => number) =>
    whole(loud.reduce((sum, second) => sum + pick(second), 0) / loud.length);
  return [
    scenario.title,
    mean(({ offered }) => offered),
    mean(({ served }) => served),
    mean(({ refused }) => refused.gateway),
    mean(({ refused }) => refused.lambda),
    mean(({ refused }) => refused.database),
    `${whole(p50_ms)} / ${whole(p95_ms)}`,
    whole(peaks.concurrency),
    whole(peaks.connections),
    sign_ins ? `${whole(sign_ins.finished)} of ${whole(sign_ins.begun)}` : '',
  ];
}

/** Means of a second after the step. */
export function renderOutcomes(): string {
  return figureTable(
    [
      'Load',
      'asked',
      'served',
      'API Gateway refused',
      'Lambda refused',
      'database refused',
      'p50 / p95 ms',
      'sandboxes',
      'connections',
      'sign-ins done',
    ],
    simulate().map(rowOf),
  );
}
