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
  readonly requests: number;
  /** Answers of 5xx, and of 4xx. */
  readonly failed: number;
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
}

export function figuresOf(sums: readonly Sum[], seconds: number): Figures {
  const requests = of(sums, 'http_requests_total');
  const count = total(requests);
  const failed = total(requests.filter(({ status }) => status.startsWith('5')));
  const refused = total(requests.filter(({ status }) => status.startsWith('4')));
  const durations = addBuckets(of(sums, 'http_request_duration_seconds'));
  return {
    seconds,
    requests: count,
    failed,
    refused,
    request_rate: count / seconds,
    failed_percent: count === 0 ? null : (100 * failed) / count,
    refused_percent: count === 0 ? null : (100 * refused) / count,
    p50_ms: milliseconds(quantile(0.5, durations)),
    p95_ms: milliseconds(quantile(0.95, durations)),
    token_rate: total(of(sums, 'oauth_token_issued_total')) / seconds,
    active_tokens: of(sums, 'oauth_active_tokens').at(-1)?.value ?? null,
    db_p95_ms: milliseconds(quantile(0.95, addBuckets(of(sums, 'db_query_duration_seconds')))),
  };
}

/** Seconds of a window. */
export const lengthOf = ({ from, to }: Pick<MeasuredWindow, 'from' | 'to'>): number => (Date.parse(to) - Date.parse(from)) / 1000;

/** What each step of a window was like, the last of which may be shorter than the others. */
export function figuresByStep(window: MeasuredWindow): Figures[] {
  const length = lengthOf(window);
  const count = Math.ceil(length / window.step_seconds);
  const byStep = Map.groupBy(window.steps, ({ step }) => step);
  return Array.from({ length: count }, (_, step) =>
    figuresOf(byStep.get(step) ?? [], Math.min(window.step_seconds, length - step * window.step_seconds)),
  );
}
