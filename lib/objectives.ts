/** The objectives over 30 days, how fast each may use up what it allows, and who hears of it. */
import type { Alarm, WatchedMetric } from './alarm.ts';

export interface Objective {
  /** Percent of the requests that have to be good. */
  readonly target: number;
  /** Names in lower case, for both expressions. */
  readonly metrics: Readonly<Record<string, WatchedMetric>>;
  /** Metric math: how many requests were not good, of how many. */
  readonly bad: string;
  readonly all: string;
  readonly runbook: Alarm['runbook'];
  readonly purpose: string;
}

const answered = (status: string, name: string, statistic: WatchedMetric['statistic']) =>
  ({ source: 'server', name, statistic, dimensions: { route: 'token', method: 'POST', status } }) as const;
const requests = 'http_requests_total';
const duration = 'http_request_duration_seconds';

export const objectives = {
  TokenAvailability: {
    target: 99.9,
    metrics: {
      unavailable: answered('503', requests, 'Sum'),
      unexpected: answered('500', requests, 'Sum'),
      // What never came to an answer of the function's own.
      crashed: { source: 'function', function: 'token', name: 'Errors', statistic: 'Sum' },
      throttled: { source: 'function', function: 'token', name: 'Throttles', statistic: 'Sum' },
      invoked: { source: 'function', function: 'token', name: 'Invocations', statistic: 'Sum' },
    },
    bad: 'FILL(unavailable, 0) + FILL(unexpected, 0) + FILL(crashed, 0) + FILL(throttled, 0)',
    all: 'FILL(invoked, 0) + FILL(throttled, 0)',
    runbook: 'high-error-rate',
    purpose: 'Token requests fail faster than 99.9 % in 30 days allows',
  },
  TokenLatency: {
    target: 99,
    // Of every answer that is not 5xx; the other statuses of this endpoint are a client's mistake at deploying, and rare.
    metrics: {
      issued: answered('200', duration, 'SampleCount'),
      issued_fast: answered('200', duration, 'TC(:0.5)'),
      refused: answered('400', duration, 'SampleCount'),
      refused_fast: answered('400', duration, 'TC(:0.5)'),
      unknown: answered('401', duration, 'SampleCount'),
      unknown_fast: answered('401', duration, 'TC(:0.5)'),
    },
    bad: 'FILL(issued, 0) - FILL(issued_fast, 0) + FILL(refused, 0) - FILL(refused_fast, 0) + FILL(unknown, 0) - FILL(unknown_fast, 0)',
    all: 'FILL(issued, 0) + FILL(refused, 0) + FILL(unknown, 0)',
    runbook: 'performance-degradation',
    purpose: 'Token requests take longer than 500 ms more often than 1 % in 30 days allows',
  },
} as const satisfies Record<string, Objective>;

export type ObjectiveName = keyof typeof objectives;

export const objectiveNames = Object.keys(objectives) as ObjectiveName[];

export interface Burn {
  /** How many times as fast as would use up everything in just 30 days. */
  readonly factor: number;
  /** Minutes. Both windows have to burn: the long one that it matters, the short one that it goes on. */
  readonly short: number;
  readonly long: number;
}

/** Each of its burns is enough. */
export const burnAlarms: readonly {
  readonly suffix: string;
  readonly severity: Alarm['severity'];
  readonly burns: readonly Burn[];
}[] = [
  {
    suffix: 'BurnsFast',
    severity: 'critical',
    burns: [
      { factor: 14.4, short: 5, long: 60 },
      { factor: 6, short: 30, long: 360 },
    ],
  },
  {
    suffix: 'Burns',
    severity: 'warning',
    burns: [
      { factor: 3, short: 120, long: 1440 },
      { factor: 1, short: 360, long: 4320 },
    ],
  },
];
