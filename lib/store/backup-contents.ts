/** What a backup holds, asked in the snapshot that its dump is taken of: the tables with their rows, and a digest of each. */
import type { Database, Sql } from './database.ts';
import { inTransaction } from './transaction.ts';

/** A snapshot that other connections can read in while its transaction lasts. */
export interface Snapshot {
  readonly sql: Sql;
  /** For `pg_dump --snapshot`. */
  readonly id: string;
  readonly taken_at: Date;
  /** Such as `17.6`. */
  readonly postgres_version: string;
  readonly schema_version: string;
}

export interface TableContents {
  readonly name: string;
  readonly rows: number;
  /** Of the text of every row, in whatever order; the same rows have the same one in every database. */
  readonly digest: string;
}

/** Number of the lock that keeps two backups apart; held to the end of the snapshot. */
const lock = 4_715_115;

/**
 * Exports a snapshot for as long as the work takes.
 * @param db connected as the role that may read everything
 * @returns undefined where another backup is under way
 * @throws {DatabaseUnavailable} where there is no snapshot within the deadlines of the connection; the work has none
 */
export async function inSnapshot<T>(db: Database, work: (snapshot: Snapshot) => Promise<T>): Promise<T | undefined> {
  return inTransaction(db, 'snapshot', async ({ sql, ask }) => {
    await ask('read-one-moment', sql`set transaction isolation level repeatable read, read only`);
    const [held] = await ask<{ alone: boolean }>('lock-backups', sql`select pg_try_advisory_xact_lock(${lock}) as alone`);
    if (!held?.alone) return undefined;
    const [row] = await ask<Omit<Snapshot, 'sql'>>(
      'export-snapshot',
      sql`
        select pg_export_snapshot() as id, clock_timestamp()::timestamptz(3) as taken_at, split_part(current_setting('server_version'), ' ', 1) as postgres_version,
          (select version from flyway_schema_history where success and version is not null order by installed_rank desc limit 1) as schema_version`,
    );
    if (!row) return undefined;
    return work({ ...row, sql });
  });
}

/** Tables whose rows are in a dump: each with its partitions, and none that a crash may empty. */
export async function listDumpedTables(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relpersistence = 'p' order by relname`;
  return rows.map(({ name }) => name);
}

/**
 * Counts the rows of each table and sums up their digests.
 * @param sql a transaction, so that all are of one moment
 * @param tell of each table before it is read
 */
export async function readContents(
  sql: Sql,
  tell: (name: string, done: number, of: number) => void = () => {},
): Promise<TableContents[]> {
  // What a row looks like as text must not depend on who asks.
  await sql`select set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO, YMD', true), set_config('intervalstyle', 'postgres', true),
    set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true)`;
  const tables: TableContents[] = [];
  const names = await listDumpedTables(sql);
  for (const name of names) {
    tell(name, tables.length, names.length);
    const [row] = await sql<{ rows: string; digest: string }[]>`
      select count(*)::text as rows,
        md5(concat_ws(':', coalesce(sum(('x' || left(hash, 16))::bit(64)::bigint), 0), coalesce(sum(('x' || right(hash, 16))::bit(64)::bigint), 0))) as digest
      from (select md5(whole_row::text) as hash from public.${sql(name)} as whole_row) as hashes`;
    tables.push({ name, rows: Number(row?.rows), digest: row?.digest ?? '' });
  }
  return tables;
}
