/** Questions about what was measured in a span of time: summed over all of it, and step by step. */
import type { MetricLabel } from '../metrics.ts';
import type { Database } from './database.ts';

/** Sums of one metric; of a gauge the value that was seen last. */
export interface WindowSum extends Readonly<Record<Exclude<MetricLabel, 'procedure'>, string>> {
  readonly name: string;
  readonly value: number;
  readonly buckets: readonly number[] | null;
}

/** What procedures count of themselves is left out, but for the memory that they take, and so are questions about what is allowed. */
const isShown = ({ sql }: Database) => sql`(procedure = '' or name = 'function_memory_high_total') and method <> 'OPTIONS'`;

/** Over all minutes that begin within the window; of a procedure its name stands in the place of the route. */
export async function sumWindow(db: Database, from: Date, to: Date): Promise<WindowSum[]> {
  return db.ask<WindowSum>(
    'sum-metric-window',
    db.sql`
      select name, route || procedure as route, method, status,
        case kind when 'gauge' then (array_agg(value order by at desc))[1] else sum(value) end as value, to_jsonb(sum_buckets(buckets)) as buckets
      from metric_minutes where minute >= ${from} and minute < ${to} and ${isShown(db)}
      group by name, route || procedure, method, status, kind order by 1, 2, 3, 4`,
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
      from metric_minutes where minute >= ${from} and minute < ${to} and ${isShown(db)}
      group by 1, name, status, kind order by 1, name, status`,
  );
}

/** When the newest line was written that was added up; null where none was. */
export async function findNewestCount(db: Database): Promise<Date | null> {
  const [row] = await db.ask<{ at: Date | null }>('find-newest-count', db.sql`select max(at) as at from metric_totals`);
  return row?.at ?? null;
}
