/** The metric table: everything that the server counts and times, by what it is kept, and under which names Prometheus finds it. */

export type MetricLabel = 'route' | 'method' | 'status' | 'procedure';

export interface MetricRow {
  /** A counter only grows; a gauge is as it was last seen; a histogram is of seconds. */
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** By what it is kept apart. */
  readonly labels: readonly MetricLabel[];
  /** Labels of the plain name on `/metrics`; with `by_route` there is a second name that carries all of them. Default: none. */
  readonly plain?: readonly MetricLabel[];
  readonly by_route?: true;
  readonly purpose: string;
}

const byAnswer = ['route', 'method', 'status'] as const;

export const metricTable = {
  http_requests_total: {
    kind: 'counter',
    labels: byAnswer,
    plain: ['status'],
    by_route: true,
    purpose: 'Requests that were answered',
  },
  http_request_duration_seconds: {
    kind: 'histogram',
    labels: byAnswer,
    by_route: true,
    purpose: 'Time from a request to its answer, in the function',
  },
  oauth_token_issued_total: { kind: 'counter', labels: ['route'], purpose: 'Access tokens issued' },
  oauth_token_revoked_total: { kind: 'counter', labels: ['route'], purpose: 'Tokens revoked' },
  oauth_authorization_codes_issued: { kind: 'counter', labels: ['route'], purpose: 'Authorization codes issued' },
  oauth_failed_authentications: {
    kind: 'counter',
    labels: ['route'],
    purpose: 'Clients and end-users that failed to authenticate',
  },
  oauth_refresh_token_reused_total: {
    kind: 'counter',
    labels: ['route'],
    purpose: 'Refresh tokens that came back after they were rotated',
  },
  oauth_clients_total: { kind: 'gauge', labels: [], purpose: 'Clients that are enabled' },
  oauth_active_tokens: { kind: 'gauge', labels: [], purpose: 'Access tokens that are active' },
  signing_key_age_seconds: { kind: 'gauge', labels: [], purpose: 'Since when the oldest key that signs has done so' },
  backup_age_seconds: { kind: 'gauge', labels: [], purpose: 'Since when there has been no verified backup' },
  restore_drill_age_seconds: { kind: 'gauge', labels: [], purpose: 'Since when no drill of a restore has succeeded' },
  recovery_time_seconds: { kind: 'gauge', labels: [], purpose: 'What the last drill of a restore took' },
  recovery_point_seconds: { kind: 'gauge', labels: [], purpose: 'Age of the newest backup at the last drill of a restore' },
  backup_bytes: { kind: 'gauge', labels: [], purpose: 'Size of the last backup' },
  backup_duration_seconds: { kind: 'gauge', labels: [], purpose: 'Time that the last backup took, until it was read back' },
  logout_tokens_delivered_total: { kind: 'counter', labels: [], purpose: 'Logout tokens that clients took' },
  logout_tokens_failed_total: { kind: 'counter', labels: [], purpose: 'Logout tokens that did not reach their client' },
  events_relayed_total: { kind: 'counter', labels: [], purpose: 'Events that the bus took' },
  events_backlog: { kind: 'gauge', labels: [], purpose: 'Events that wait to be sent' },
  events_oldest_seconds: { kind: 'gauge', labels: [], purpose: 'Since when the oldest event waits to be sent' },
  events_set_aside: { kind: 'gauge', labels: [], purpose: 'Events that failed too often and wait for an operator' },
  db_queries_total: { kind: 'counter', labels: ['route'], purpose: 'Statements sent to the database' },
  db_query_duration_seconds: {
    kind: 'histogram',
    labels: ['route'],
    purpose: 'Time from a statement to its answer, in the function',
  },
  function_memory_high_total: {
    kind: 'counter',
    labels: ['route', 'procedure'],
    plain: ['route', 'procedure'],
    purpose: 'Minutes in which a sandbox had taken more than 80 % of its memory',
  },
  procedure_succeeded_total: {
    kind: 'counter',
    labels: ['procedure'],
    plain: ['procedure'],
    purpose: 'Procedures that did what they are for',
  },
  procedure_failed_total: {
    kind: 'counter',
    labels: ['procedure'],
    plain: ['procedure'],
    purpose: 'Procedures that could not do it',
  },
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof metricTable;

export const metricNames = Object.keys(metricTable) as MetricName[];

/** The row of a metric, where there is one of that name. */
export function metricRow(name: string): MetricRow | undefined {
  return Object.hasOwn(metricTable, name) ? metricTable[name as MetricName] : undefined;
}

/** Namespace of the metrics in CloudWatch, and what their names begin with in Prometheus. */
export const metricNamespace = 'oauth2_server';

/**
 * Upper bounds of the histograms' buckets, in seconds; one more bucket is for what is above. Counts are stored in their order: other bounds
 * need a migration that begins the histograms anew.
 */
export const bucketBounds: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Number of the bucket that a duration falls into. */
export function bucketOf(seconds: number): number {
  const found = bucketBounds.findIndex((bound) => seconds <= bound);
  return found < 0 ? bucketBounds.length : found;
}
