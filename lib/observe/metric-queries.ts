/** The table of what operators ask of the metrics: six queries, the memory of functions and two figures of the database, with the thresholds of their alarms. */
import type { Alarm } from '../alarm.ts';
import { type AlarmName, alarms } from '../alarms.ts';
import type { Figures } from './measured.ts';

export interface MetricQuery {
  readonly title: string;
  readonly unit: '/s' | '%' | 'ms' | '';
  /** As a Prometheus asks it that scrapes `/metrics`. */
  readonly promql: string;
  readonly figure: keyof Figures;
  /** Its threshold and its page are those of this alarm. */
  readonly alarm?: AlarmName;
}

export const metricQueries: readonly MetricQuery[] = [
  {
    title: 'Request rate',
    unit: '/s',
    promql: 'sum(rate(oauth2_server_http_requests_total[5m]))',
    figure: 'request_rate',
  },
  {
    title: 'Error rate (5xx)',
    unit: '%',
    // Summed on both sides: divided series by series, as the runbooks of before did, each is compared with itself and is 100 %.
    promql:
      '100 * sum(rate(oauth2_server_http_requests_total{status=~"5.."}[5m])) / sum(rate(oauth2_server_http_requests_total[5m]))',
    figure: 'failed_percent',
    alarm: 'HighErrorRate',
  },
  {
    title: 'Token issuance rate',
    unit: '/s',
    promql: 'rate(oauth2_server_oauth_token_issued_total[5m])',
    figure: 'token_rate',
  },
  {
    title: 'Active tokens',
    unit: '',
    promql: 'oauth2_server_oauth_active_tokens',
    figure: 'active_tokens',
    alarm: 'ActiveTokensHigh',
  },
  {
    title: 'Response time, p95',
    unit: 'ms',
    promql: '1000 * histogram_quantile(0.95, rate(oauth2_server_http_request_duration_seconds_bucket[5m]))',
    figure: 'p95_ms',
    alarm: 'HighResponseTime',
  },
  {
    title: 'Database query, p95',
    unit: 'ms',
    promql: '1000 * histogram_quantile(0.95, rate(oauth2_server_db_query_duration_seconds_bucket[5m]))',
    figure: 'db_p95_ms',
  },
];

/** What the functions count of themselves. */
export const functionFigures: readonly MetricQuery[] = [
  {
    title: 'Minutes of a function above 80 % of its memory',
    unit: '',
    promql: 'sum(increase(oauth2_server_function_memory_high_total[15m]))',
    figure: 'memory_high',
    alarm: 'FunctionMemoryHigh',
  },
];

/** Figures that the database has of itself, where the stage has one of its own. */
export const databaseFigures = [
  { title: 'Database processors', figure: 'database_cpu_percent', alarm: 'DatabaseCpuHigh' },
  { title: 'Database memory', figure: 'database_memory_percent', alarm: 'DatabaseMemoryHigh' },
] as const satisfies readonly { title: string; figure: string; alarm: AlarmName }[];

export interface Threshold {
  readonly above: number;
  readonly runbook: string;
}

export function thresholdOf(name: AlarmName | undefined): Threshold | undefined {
  if (name === undefined) return undefined;
  const { threshold, runbook }: Alarm = alarms[name];
  return { above: threshold, runbook };
}
