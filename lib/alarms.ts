/** The alarm table: what is watched, from which value on it is wrong, who hears of it and which page helps. */
import type { ProcedureName } from './procedures.ts';

/** What a metric is measured at; each has its own namespace and dimensions in CloudWatch. */
export type Source = 'api' | 'function' | 'database' | 'proxy' | 'failed-queue' | 'server' | 'procedure';

export interface WatchedMetric {
  readonly source: Source;
  /** As AWS, or this server, names it. */
  readonly name: string;
  readonly statistic: 'Sum' | 'Average' | 'Minimum' | 'Maximum' | 'p95' | 'p99';
  /** Beside those of the source: what a request counts, it counts by the class of its status. */
  readonly dimensions?: Readonly<Record<string, string>>;
}

export interface Alarm {
  /** Names in lower case; an `expression` uses them. */
  readonly metrics: Readonly<Record<string, WatchedMetric>>;
  /** CloudWatch metric math; without one the only metric is watched itself. `{memory_bytes}` is the instance's memory. */
  readonly expression?: string;
  /** One alarm for each row of the route table, of the procedure table, or of both, instead of one for the stage. */
  readonly each?: 'route' | 'procedure' | 'function';
  readonly fires: 'above' | 'below';
  readonly threshold: number;
  readonly unit: '%' | 'ms' | 's' | 'count' | 'bytes';
  /** Minutes that one value is made of. */
  readonly period: 1 | 5;
  /** It fires when every value of this many minutes is wrong. */
  readonly minutes: number;
  /** What no value at all means. */
  readonly silence: 'wrong' | 'fine';
  readonly severity: 'critical' | 'warning';
  /** Whether a deploy that is shifting traffic is taken back when it fires. */
  readonly stops_deploy?: true;
  /** The procedure whose page in runbooks/ says what to do. */
  readonly runbook: ProcedureName;
  readonly purpose: string;
}

export const alarms = {
  HighErrorRate: {
    metrics: {
      errors: { source: 'api', name: '5xx', statistic: 'Sum' },
      requests: { source: 'api', name: 'Count', statistic: 'Sum' },
    },
    expression: 'IF(requests > 0, 100 * errors / requests, 0)',
    fires: 'above',
    threshold: 5,
    unit: '%',
    period: 1,
    minutes: 5,
    silence: 'fine',
    severity: 'critical',
    stops_deploy: true,
    runbook: 'status',
    purpose: 'More than 5 % of the requests are answered 5xx',
  },
  HighResponseTime: {
    metrics: { latency: { source: 'api', name: 'Latency', statistic: 'p95' } },
    fires: 'above',
    threshold: 500,
    unit: 'ms',
    period: 1,
    minutes: 10,
    silence: 'fine',
    severity: 'warning',
    stops_deploy: true,
    runbook: 'status',
    purpose: 'One request in twenty takes longer than 500 ms',
  },
  NotReady: {
    metrics: {
      unavailable: {
        source: 'server',
        name: 'http_requests_total',
        statistic: 'Sum',
        dimensions: { route: 'ready', method: 'GET', status: '503' },
      },
    },
    fires: 'above',
    threshold: 0,
    unit: 'count',
    period: 1,
    minutes: 2,
    silence: 'fine',
    severity: 'critical',
    stops_deploy: true,
    runbook: 'status',
    purpose: 'The readiness check finds database, keys or migrations not as they should be',
  },
  DatabaseDown: {
    metrics: { available: { source: 'proxy', name: 'AvailabilityPercentage', statistic: 'Average' } },
    fires: 'below',
    threshold: 50,
    unit: '%',
    period: 1,
    minutes: 1,
    silence: 'wrong',
    severity: 'critical',
    runbook: 'status',
    purpose: 'The proxy does not reach the database',
  },
  FunctionCrashing: {
    metrics: { errors: { source: 'function', name: 'Errors', statistic: 'Sum' } },
    each: 'function',
    fires: 'above',
    threshold: 0,
    unit: 'count',
    period: 5,
    minutes: 15,
    silence: 'fine',
    severity: 'warning',
    runbook: 'status',
    purpose: 'A function crashes, times out or does not start',
  },
  FunctionThrottled: {
    metrics: { throttles: { source: 'function', name: 'Throttles', statistic: 'Sum' } },
    each: 'route',
    fires: 'above',
    threshold: 0,
    unit: 'count',
    period: 1,
    minutes: 5,
    silence: 'fine',
    severity: 'critical',
    runbook: 'status',
    purpose: 'Requests are turned away because a function has no concurrency left',
  },
  ProcedureFailed: {
    metrics: { failed: { source: 'procedure', name: 'procedure_failed_total', statistic: 'Sum' } },
    each: 'procedure',
    fires: 'above',
    threshold: 0,
    unit: 'count',
    period: 5,
    minutes: 5,
    silence: 'fine',
    severity: 'critical',
    runbook: 'status',
    purpose: 'A procedure could not do what it is for',
  },
  ScheduleFailed: {
    metrics: { failed: { source: 'failed-queue', name: 'ApproximateNumberOfMessagesVisible', statistic: 'Maximum' } },
    fires: 'above',
    threshold: 0,
    unit: 'count',
    period: 1,
    minutes: 1,
    silence: 'fine',
    severity: 'critical',
    runbook: 'status',
    purpose: 'A scheduled procedure did not run, or crashed every time it was tried',
  },
  RefreshTokenReused: {
    metrics: {
      reused: {
        source: 'server',
        name: 'oauth_refresh_token_reused_total',
        statistic: 'Sum',
        dimensions: { status_class: '4xx' },
      },
    },
    fires: 'above',
    threshold: 0,
    unit: 'count',
    period: 5,
    minutes: 5,
    silence: 'fine',
    severity: 'warning',
    runbook: 'disable-user',
    purpose: 'A refresh token came back after it was rotated: it may be stolen, and its family was revoked',
  },
  DatabaseCpuHigh: {
    metrics: { cpu: { source: 'database', name: 'CPUUtilization', statistic: 'Average' } },
    fires: 'above',
    threshold: 80,
    unit: '%',
    period: 1,
    minutes: 10,
    silence: 'fine',
    severity: 'warning',
    runbook: 'status',
    purpose: "The database's processors are busy for more than 80 %",
  },
  DatabaseMemoryHigh: {
    metrics: { free: { source: 'database', name: 'FreeableMemory', statistic: 'Average' } },
    expression: '100 * (1 - free / {memory_bytes})',
    fires: 'above',
    threshold: 80,
    unit: '%',
    period: 1,
    minutes: 10,
    silence: 'fine',
    severity: 'warning',
    runbook: 'status',
    purpose: "More than 80 % of the database's memory is taken",
  },
  DatabaseStorageLow: {
    metrics: { free: { source: 'database', name: 'FreeStorageSpace', statistic: 'Minimum' } },
    fires: 'below',
    threshold: 5 * 1024 ** 3,
    unit: 'bytes',
    period: 5,
    minutes: 15,
    silence: 'fine',
    severity: 'critical',
    runbook: 'status',
    purpose: 'Less than 5 GiB of storage is free, though it grows by itself up to its limit',
  },
  ConnectionsPinned: {
    metrics: { pinned: { source: 'proxy', name: 'DatabaseConnectionsCurrentlySessionPinned', statistic: 'Maximum' } },
    fires: 'above',
    threshold: 0,
    unit: 'count',
    period: 1,
    minutes: 15,
    silence: 'fine',
    severity: 'warning',
    runbook: 'status',
    purpose: 'Statements pin connections, so that the proxy cannot share them',
  },
  ActiveTokensHigh: {
    metrics: { tokens: { source: 'server', name: 'oauth_active_tokens', statistic: 'Maximum' } },
    fires: 'above',
    threshold: 100_000,
    unit: 'count',
    period: 5,
    minutes: 15,
    silence: 'fine',
    severity: 'warning',
    runbook: 'status',
    purpose: 'More than 100,000 access tokens are active at once',
  },
  SigningKeyOverdue: {
    metrics: { age: { source: 'server', name: 'signing_key_age_seconds', statistic: 'Maximum' } },
    fires: 'above',
    // The schedule rotates every 30 days; a second chance is given before somebody is told.
    threshold: 35 * 86_400,
    unit: 's',
    period: 5,
    minutes: 15,
    silence: 'fine',
    severity: 'warning',
    runbook: 'rotate-signing-keys',
    purpose: 'A signing key is in use for more than 35 days: its rotation does not happen',
  },
} as const satisfies Record<string, Alarm>;

export type AlarmName = keyof typeof alarms;

export const alarmNames = Object.keys(alarms) as AlarmName[];
