/** What a row of the alarm table says, and what it watches. */
import type { PageName } from './pages.ts';
import type { ProcedureName } from './procedures.ts';

/** What a metric is measured at; each has its own namespace and dimensions in CloudWatch. */
export type Source =
  | 'api'
  | 'function'
  | 'database'
  | 'proxy'
  | 'failed-queue'
  | 'dropped-queue'
  | 'server'
  | 'procedure'
  | 'certificate'
  | 'replication';

export interface WatchedMetric {
  readonly source: Source;
  /** As AWS, or this server, names it. */
  readonly name: string;
  /** `TC(:0.5)`: how many of the values are at most 0.5. */
  readonly statistic: 'Sum' | 'Average' | 'Minimum' | 'Maximum' | 'SampleCount' | 'p50' | 'p95' | 'p99' | 'TC(:0.5)';
  /** Of one function, though the alarm is one of the whole stage. */
  readonly function?: string;
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
  readonly unit: '%' | 'ms' | 's' | 'days' | 'count' | 'bytes';
  /** Minutes that one value is made of. */
  readonly period: 1 | 5 | 15 | 60 | 1440;
  /** It fires when every value of this many minutes is wrong. */
  readonly minutes: number;
  /** The same of a procedure that comes again within minutes. */
  readonly minutes_where_it_comes_again?: number;
  /** What no value at all means. */
  readonly silence: 'wrong' | 'fine';
  readonly severity: 'critical' | 'warning';
  /** Whether a deploy that is shifting traffic is taken back when it fires. */
  readonly stops_deploy?: true;
  /** The page in runbooks/ that says what to do. */
  readonly runbook: ProcedureName | PageName;
  /** Where `each` is of another kind: the page of one function or procedure, by its name. */
  readonly runbook_of?: Readonly<Record<string, ProcedureName | PageName>>;
  readonly purpose: string;
}
