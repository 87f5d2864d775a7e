/** The one logger and the one Metrics instance: JSON lines and embedded metrics on standard output. */
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { MetricName } from './metrics.ts';

/** Namespace and service come from POWERTOOLS_METRICS_NAMESPACE and POWERTOOLS_SERVICE_NAME. */
export const metrics = new Metrics();

/** Adds to a counter. */
export function count(name: MetricName, by = 1): void {
  metrics.addMetric(name, MetricUnit.Count, by);
}

/** Records a duration. @param milliseconds published in seconds, as the metric's name says */
export function observeDuration(name: MetricName, milliseconds: number): void {
  metrics.addMetric(name, MetricUnit.Seconds, milliseconds / 1000);
}

/** Statements slower than this are logged, in milliseconds. */
const slowQueryMs = 250;

/** Counts and times one statement of the store; slow ones leave a line. */
export function observeQuery(question: string, milliseconds: number, succeeded: boolean): void {
  count('db_queries_total');
  observeDuration('db_query_duration_seconds', milliseconds);
  if (milliseconds > slowQueryMs) log('warn', 'slow query', { question, duration_ms: Math.round(milliseconds), succeeded });
}

export type LogLevel = 'info' | 'warn' | 'error';

/** Lines that wait for the metrics of their request: one write for both, as each is a system call. */
let waiting = '';

function toLine(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ level, message, timestamp: new Date().toISOString(), ...fields })}\n`;
}

/** Writes one JSON line. Callers pass chosen fields, never whole requests: tokens, codes, cookies and passwords have no way in. */
export function log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(toLine(level, message, fields));
}

/** Somebody who waits for a run, and when that was told something last. */
let watching: { readonly run: string; told: number } | undefined;
/** Between two lines about the progress of a run, milliseconds. */
const progressPauseMs = 1000;

/** From now on progress is told under this id; undefined: nobody waits for it. */
export function watchRun(run: string | undefined): void {
  watching = run === undefined ? undefined : { run, told: Number.NEGATIVE_INFINITY };
}

/** Tells how far a long procedure has come, now and then. @param describe asked only when a line is due; no secrets */
export function tellProgress(describe: () => string): void {
  const now = performance.now();
  if (watching === undefined || now - watching.told < progressPauseMs) return;
  watching.told = now;
  log('info', 'progress', { run: watching.run, detail: describe() });
}

/** Part of its memory from which on a function has too little of it; per cent. */
const memoryPercent = 80;
/** Between two looks of one sandbox, which cost as much as a tenth of the quickest request, and between two tellings; milliseconds. */
const memoryPauses = { look: 1000, tell: 60_000 };
const memory = { looked: Number.NEGATIVE_INFINITY, told: Number.NEGATIVE_INFINITY };

/**
 * Tells where the sandbox has taken most of what it may, once a minute: Lambda counts it nowhere, and ends a sandbox that takes all.
 * @param limitMib as Lambda says it; where it says nothing, nobody limits it
 * @param who the route or the procedure
 */
export function watchMemory(
  limitMib: string | undefined,
  who: { readonly route: string } | { readonly procedure: string },
): void {
  const now = performance.now();
  if (limitMib === undefined || now - memory.looked < memoryPauses.look) return;
  memory.looked = now;
  const used_mib = Math.round(process.memoryUsage.rss() / 1024 ** 2);
  const limit_mib = Number(limitMib);
  if (100 * used_mib <= memoryPercent * limit_mib || now - memory.told < memoryPauses.tell) return;
  memory.told = now;
  const single = metrics.singleMetric();
  for (const [label, name] of Object.entries(who)) single.addMetadata(label, name);
  single.addMetric('function_memory_high_total' satisfies MetricName, MetricUnit.Count, 1);
  log('warn', 'memory', { ...who, used_mib, limit_mib });
}

/** As `log`, but written together with the metrics that `publishMetrics` publishes next. */
export function logWithMetrics(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
  waiting += toLine(level, message, fields);
}

/** Forgets what was counted and timed since the last time, with the lines that wait for it. */
export function discardMetrics(): void {
  metrics.clearMetrics();
  metrics.clearDimensions();
  metrics.clearMetadata();
  waiting = '';
}

/** Publishes what was counted and timed since the last time, in embedded metric format. */
export function publishMetrics(): void {
  const embedded = metrics.hasStoredMetrics() ? `${JSON.stringify(metrics.serializeMetrics())}\n` : '';
  const lines = waiting + embedded;
  discardMetrics();
  if (lines !== '') process.stdout.write(lines);
}
