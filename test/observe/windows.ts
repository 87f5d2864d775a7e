/** Windows of measurements for tests of what is computed from them. */
import { bucketBounds, bucketOf } from '../../lib/metrics.ts';
import type { MeasuredWindow, RouteSum, StepSum } from '../../lib/observe/measured.ts';

export interface Traffic {
  readonly route?: string;
  readonly status: number;
  readonly requests: number;
  /** Of each; default 0.02. */
  readonly seconds?: number;
  /** The first step that has some, and the one after the last; default all. */
  readonly steps?: readonly [number, number];
}

export const start = Date.parse('2026-11-25T01:00:00Z');
export const stepSeconds = 300;
const stepCount = 12;

function sumsOf({ route = 'token', status, requests, seconds = 0.02 }: Traffic, share = 1): Omit<RouteSum, never>[] {
  const buckets = Array.from({ length: bucketBounds.length + 1 }, () => 0);
  buckets[bucketOf(seconds)] = requests * share;
  const labels = { route, method: 'POST', status: String(status) };
  return [
    { name: 'http_requests_total', ...labels, value: requests * share, buckets: null },
    { name: 'http_request_duration_seconds', ...labels, value: requests * share * seconds, buckets },
  ];
}

/** An hour in twelve steps. @param hours after the first one */
export function windowOf(traffic: readonly Traffic[], hours = 0): MeasuredWindow {
  const steps: StepSum[] = traffic.flatMap((one) => {
    const [first, end] = one.steps ?? [0, stepCount];
    return Array.from({ length: end - first }, (_, at) =>
      sumsOf(one, 1 / (end - first)).map((sum) => ({ ...sum, step: first + at })),
    ).flat();
  });
  return {
    from: new Date(start + hours * 3_600_000).toISOString(),
    to: new Date(start + (hours + 1) * 3_600_000).toISOString(),
    step_seconds: stepSeconds,
    counted_to: null,
    sums: traffic.flatMap((one) => sumsOf(one)),
    steps,
    acts: [],
    shortened: false,
  };
}

/** The instant at which a step of the later hour begins. */
export const stepOf = (step: number, hours = 1): string =>
  new Date(start + hours * 3_600_000 + step * stepSeconds * 1000).toISOString();
