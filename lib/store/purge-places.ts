/** Keeps how far the purge has come in each table, so that a run goes on where the one before stopped, and nothing waits unseen. */
import type { Database } from './database.ts';
import { type PurgedTable, purgedTables, type Swept } from './purge.ts';

/** Runs come every hour; that many hours of them come around in a large table. */
const overdueHours = 24;

/** @returns the block at which the sweep of each table goes on; a table that has none yet begins now */
export async function readPurgePlaces({ ask, sql }: Database, now: Date): Promise<Partial<Record<PurgedTable, number>>> {
  await ask(
    'begin-purges',
    sql`
      insert into purges (table_name, worked_at, complete_at) select t, ${now}::timestamptz, ${now}::timestamptz
      from unnest(${sql.typed.texts([...purgedTables])}) as t on conflict do nothing`,
  );
  const rows = await ask<{ table_name: PurgedTable; next_block: number }>(
    'read-purge-places',
    sql`select table_name, next_block from purges`,
  );
  return Object.fromEntries(rows.map(({ table_name, next_block }) => [table_name, next_block]));
}

/** Notes where the next run goes on, and where all of the table has been seen. */
export async function notePurge({ ask, sql }: Database, table: PurgedTable, { next, ended }: Swept, now: Date): Promise<void> {
  await ask(
    'note-purge',
    sql`
      update purges set next_block = ${next}, worked_at = ${now}, complete_at = case when ${ended}::boolean then ${now}::timestamptz else complete_at end
      where table_name = ${table}`,
  );
}

/** Tables in which the purge works and has not come around for a day. */
export async function listOverduePurges({ ask, sql }: Database): Promise<string[]> {
  // Of a schema that is older than this release, something else is told.
  const [known] = await ask<{ known: boolean }>('find-purges', sql`select to_regclass('public.purges') is not null as known`);
  if (!known?.known) return [];
  const rows = await ask<{ table_name: string }>(
    'list-overdue-purges',
    sql`
      select table_name from purges
      where worked_at - complete_at > make_interval(hours => ${overdueHours}) and table_name = any (${sql.typed.texts([...purgedTables])})
      order by table_name`,
  );
  return rows.map(({ table_name }) => table_name);
}
