/** What a span of time was like, computed from sums of what was measured: rates, shares and percentiles; pure. */
import { bucketBounds } from '../metrics.ts';

/** As the procedure read-metrics answers them. */
export interface Sum {
  readonly name: string;
  readonly status: string;
  readonly value: number;
  readonly buckets: readonly number[] | null;
}

export interface RouteSum extends Sum {
  readonly route: string;
  readonly method: string;
}

export interface StepSum extends Sum {
  readonly step: number;
}

export interface MeasuredWindow {
  readonly from: string;
  readonly to: string;
  readonly step_seconds: number;
  readonly counted_to: string | null;
  readonly sums: readonly RouteSum[];
  readonly steps: readonly StepSum[];
  readonly acts: readonly Act[];
  /** Whether only the newest of these are here. */
  readonly shortened: boolean;
  /** What the gateway answered, which also knows what never came to an answer of a function's own; absent where it could not be asked. */
  readonly gateway?: readonly GatewayStep[];
}

/** Requests that the gateway answered, and those of them that it answered 5xx. */
export interface GatewayCount {
  readonly requests: number;
  readonly failed: number;
}

export interface GatewayStep extends GatewayCount {
  readonly step: number;
}

/** Something that an operator did, from the audit log. */
export interface Act {
  readonly at: string;
  readonly actor: string;
  readonly procedure: string;
  readonly reason: string | null;
  readonly outcome: string;
  readonly detail: string | null;
}

/** Counts of durations by bucket, of several series together. */
export function addBuckets(sums: readonly Pick<Sum, 'buckets'>[]): number[] {
  const all = Array.from({ length: bucketBounds.length + 1 }, () => 0);
  for (const { buckets } of sums) for (const [at, count] of (buckets ?? []).entries()) all[at] = (all[at] ?? 0) + count;
  return all;
}

/**
 * A quantile in seconds, as `histogram_quantile` of Prometheus computes it: even within its bucket, and the highest bound for all above.
 * @returns null where nothing was measured
 */
export function quantile(q: number, buckets: readonly number[]): number | null {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const rank = q * total;
  let below = 0;
  for (const [at, count] of buckets.entries()) {
    const bound = bucketBounds[at];
    if (bound === undefined) break;
    if (below + count >= rank && count > 0) {
      const start = bucketBounds[at - 1] ?? 0;
      return start + ((bound - start) * (rank - below)) / count;
    }
    below += count;
  }
  return bucketBounds.at(-1) ?? null;
}

const of = <S extends Sum>(sums: readonly S[], name: string) => sums.filter((one) => one.name === name);
const total = (sums: readonly Sum[]) => sums.reduce((all, { value }) => all + value, 0);
const milliseconds = (seconds: number | null) => (seconds === null ? null : Math.round(seconds * 10_000) / 10);

/** What a span of time was like. */
export interface Figures {
  readonly seconds: number;
  /** As the functions counted them, or the gateway where it counted more. */
  readonly requests: number;
  /** Answers of 5xx, as the functions or the gateway counted them, whichever is the higher part of the requests; and of how many. */
  readonly failed: number;
  readonly failed_of: number;
  /** Answers of 4xx. */
  readonly refused: number;
  /** In a second. */
  readonly request_rate: number;
  /** Percent; null where there was no request. */
  readonly failed_percent: number | null;
  readonly refused_percent: number | null;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly token_rate: number;
  /** As it was seen last; null where it was not. */
  readonly active_tokens: number | null;
  readonly db_p95_ms: number | null;
  /** Minutes in which sandboxes had taken most of their memory. */
  readonly memory_high: number;
}

const percentOf = (part: number, all: number) => (all === 0 ? null : (100 * part) / all);

/** @param gateway nothing where it could not be asked */
export function figuresOf(sums: readonly Sum[], seconds: number, gateway: GatewayCount = { requests: 0, failed: 0 }): Figures {
  const requests = of(sums, 'http_requests_total');
  const count = total(requests);
  const own: GatewayCount = { requests: count, failed: total(requests.filter(({ status }) => status.startsWith('5'))) };
  const refused = total(requests.filter(({ status }) => status.startsWith('4')));
  const durations = addBuckets(of(sums, 'http_request_duration_seconds'));
  const [ownPercent, percent] = [own, gateway].map((one) => percentOf(one.failed, one.requests)) as [
    number | null,
    number | null,
  ];
  const worse = (percent ?? -1) > (ownPercent ?? -1) ? gateway : own;
  const asked = Math.max(count, gateway.requests);
  return {
    seconds,
    requests: asked,
    failed: worse.failed,
    failed_of: worse.requests,
    refused,
    request_rate: asked / seconds,
    failed_percent: percentOf(worse.failed, worse.requests),
    refused_percent: percentOf(refused, count),
    p50_ms: milliseconds(quantile(0.5, durations)),
    p95_ms: milliseconds(quantile(0.95, durations)),
    token_rate: total(of(sums, 'oauth_token_issued_total')) / seconds,
    active_tokens: of(sums, 'oauth_active_tokens').at(-1)?.value ?? null,
    db_p95_ms: milliseconds(quantile(0.95, addBuckets(of(sums, 'db_query_duration_seconds')))),
    memory_high: total(of(sums, 'function_memory_high_total')),
  };
}

/** Seconds of a window. */
export const lengthOf = ({ from, to }: Pick<MeasuredWindow, 'from' | 'to'>): number => (Date.parse(to) - Date.parse(from)) / 1000;

const addCounts = (counts: readonly GatewayCount[] = []): GatewayCount => ({
  requests: counts.reduce((sum, { requests }) => sum + requests, 0),
  failed: counts.reduce((sum, { failed }) => sum + failed, 0),
});

/** What all of a window was like. */
export const figuresOfWindow = (window: MeasuredWindow): Figures =>
  figuresOf(window.sums, lengthOf(window), addCounts(window.gateway));

/** What each step of a window was like, the last of which may be shorter than the others. */
export function figuresByStep(window: MeasuredWindow): Figures[] {
  const length = lengthOf(window);
  const count = Math.ceil(length / window.step_seconds);
  const byStep = Map.groupBy(window.steps, ({ step }) => step);
  const gateway = Map.groupBy(window.gateway ?? [], ({ step }) => step);
  return Array.from({ length: count }, (_, step) =>
    figuresOf(
      byStep.get(step) ?? [],
      Math.min(window.step_seconds, length - step * window.step_seconds),
      addCounts(gateway.get(step)),
    ),
  );
}
