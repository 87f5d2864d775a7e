/** Questions about what was measured in a span of time: summed over all of it, and step by step. */
import type { MetricLabel } from '../metrics.ts';
import type { Database } from './database.ts';

/** Sums of one metric; of a gauge the value that was seen last. */
export interface WindowSum extends Readonly<Record<Exclude<MetricLabel, 'procedure'>, string>> {
  readonly name: string;
  readonly value: number;
  readonly buckets: readonly number[] | null;
}

/** Over all minutes that begin within the window, without what procedures count of themselves, and without questions about what is allowed. */
export async function sumWindow(db: Database, from: Date, to: Date): Promise<WindowSum[]> {
  return db.ask<WindowSum>(
    'sum-metric-window',
    db.sql`
      select name, route, method, status,
        case kind when 'gauge' then (array_agg(value order by at desc))[1] else sum(value) end as value, to_jsonb(sum_buckets(buckets)) as buckets
      from metric_minutes where minute >= ${from} and minute < ${to} and procedure = '' and method <> 'OPTIONS'
      group by name, route, method, status, kind order by name, route, method, status`,
  );
}

/** The same for one step, whatever the route. */
export interface StepSum {
  /** Number of the step, from 0. */
  readonly step: number;
  readonly name: string;
  readonly status: string;
  readonly value: number;
  readonly buckets: readonly number[] | null;
}

export async function sumSteps(db: Database, from: Date, to: Date, stepSeconds: number): Promise<StepSum[]> {
  return db.ask<StepSum>(
    'sum-metric-steps',
    db.sql`
      select (extract(epoch from minute - ${from}::timestamptz)::integer / ${stepSeconds}::integer) as step, name, status,
        case kind when 'gauge' then (array_agg(value order by at desc))[1] else sum(value) end as value, to_jsonb(sum_buckets(buckets)) as buckets
      from metric_minutes where minute >= ${from} and minute < ${to} and procedure = '' and method <> 'OPTIONS'
      group by 1, name, status, kind order by 1, name, status`,
  );
}

/** When the newest line was written that was added up; null where none was. */
export async function findNewestCount(db: Database): Promise<Date | null> {
  const [row] = await db.ask<{ at: Date | null }>('find-newest-count', db.sql`select max(at) as at from metric_totals`);
  return row?.at ?? null;
}
