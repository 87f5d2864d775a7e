/** Keeps what the functions measured: adds batches of it up, each line once, and reads totals and windows. */
import type { MetricLabel, MetricRow } from '../metrics.ts';
import { digest } from '../protocol/digest.ts';
import type { Database } from './database.ts';

/** Lines of a log stream, by their ids and times. */
export interface Batch {
  readonly stream: Uint8Array;
  readonly first_at: Date;
  readonly last_at: Date;
  readonly lines: readonly string[];
}

/** A number for a text, such as the id of a line: 64 bits, as Postgres's bigint reads it. */
export function numberOf(text: string): string {
  return digest(text).readBigInt64BE().toString();
}

/** Makes batches of one stream wait for each other, to the end of the transaction; of others hardly any. */
export async function lockStream(db: Database, stream: Uint8Array): Promise<void> {
  await db.ask('lock-metric-stream', db.sql`select 1 from metric_locks where slot = ${stream[0] ?? 0} for update`);
}

/** Which of the lines were added up before. */
export async function findCounted(db: Database, { stream, first_at, last_at, lines }: Batch): Promise<Set<string>> {
  const rows = await db.ask<{ line: string }>(
    'find-counted-lines',
    db.sql`
      select line::text as line from metric_batches b, unnest(b.lines) as line
      where b.stream = ${stream} and b.last_at >= ${first_at} and b.first_at <= ${last_at}
        and line in (select l::bigint from jsonb_array_elements_text(${db.sql.json(lines as string[])}) as l)`,
  );
  return new Set(rows.map(({ line }) => line));
}

/** What a minute has of a metric; instants in ISO 8601. */
export interface Point extends Readonly<Record<MetricLabel, string>> {
  readonly minute: string;
  readonly name: string;
  readonly kind: MetricRow['kind'];
  readonly value: number;
  readonly buckets: readonly number[] | null;
  readonly at: string;
}

/** Adds points to the minutes and to the totals, and remembers the lines that they come from. @param points in the order of their keys */
export async function addPoints(
  db: Database,
  { stream, first_at, last_at, lines }: Batch,
  points: readonly Point[],
): Promise<void> {
  const { sql } = db;
  await db.ask(
    'add-metrics',
    sql`
      with point as materialized (
        select * from jsonb_to_recordset(${sql.json(points as never)}) as p (minute timestamptz, name text, route text, method text, status text,
          procedure text, kind text, value float8, buckets bigint[], at timestamptz)
      ), batch as (
        insert into metric_batches (stream, first_at, last_at, lines)
        select ${stream}, ${first_at}, ${last_at}, array(select l::bigint from jsonb_array_elements_text(${sql.json(lines as string[])}) as l)
      ), minutes as (
        insert into metric_minutes as m (minute, name, route, method, status, procedure, kind, value, buckets, at)
        select minute, name, route, method, status, procedure, kind, value, buckets, at from point
        order by minute, name, route, method, status, procedure
        on conflict (minute, name, route, method, status, procedure) do update set
          value = case when excluded.kind <> 'gauge' then m.value + excluded.value when excluded.at >= m.at then excluded.value else m.value end,
          buckets = add_buckets(m.buckets, excluded.buckets), at = greatest(m.at, excluded.at)
      )
      insert into metric_totals as t (name, route, method, status, procedure, kind, value, buckets, at)
      select name, route, method, status, procedure, kind,
        case kind when 'gauge' then (array_agg(value order by at desc))[1] else sum(value) end, sum_buckets(buckets), max(at)
      from point group by name, route, method, status, procedure, kind
      order by name, route, method, status, procedure
      on conflict (name, route, method, status, procedure) do update set
        value = case when excluded.kind <> 'gauge' then t.value + excluded.value when excluded.at >= t.at then excluded.value else t.value end,
        buckets = add_buckets(t.buckets, excluded.buckets), at = greatest(t.at, excluded.at)`,
  );
}

/** A metric with its labels since the beginning; counts as Postgres writes them. */
export interface Total extends Readonly<Record<MetricLabel, string>> {
  readonly name: string;
  readonly value: number;
  readonly buckets: readonly number[] | null;
}

/** Everything that was ever counted, and every gauge as it was last seen. */
export async function listTotals(db: Database): Promise<Total[]> {
  return db.ask<Total>(
    'list-metric-totals',
    db.sql`
      select name, route, method, status, procedure, value, to_jsonb(buckets) as buckets from metric_totals
      order by name, route, method, status, procedure`,
  );
}
