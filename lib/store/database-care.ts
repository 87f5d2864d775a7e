/** What a person does to a running database by hand: end a session or its statement, vacuum a table, rebuild an index, look at a statement's plan. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from './database.ts';
import { withoutLiterals } from './database-activity.ts';

export interface FoundSession {
  readonly pid: number;
  /** With the process's number it names one session for good: numbers come again. */
  readonly began: string;
  /** When its statement began. */
  readonly doing_since: string | null;
  readonly role: string | null;
  readonly kind: string;
  readonly state: string | null;
  /** Of its transaction, where it has one open; else since it last did something. */
  readonly seconds: number;
  /** Without its literals, which may be secret; null where it is not ours to see. */
  readonly statement: string | null;
  /** Processes that wait for it. */
  readonly waiting: number;
  /** Whether it is this one. */
  readonly own: boolean;
  /** Whether whoever asks may end it. */
  readonly endable: boolean;
}

/** A session of this database; undefined where there is none of that number. */
export async function findSession({ ask, sql }: Database, pid: number): Promise<FoundSession | undefined> {
  const [row] = await ask<FoundSession>(
    'find-database-session',
    sql`
      select pid, backend_start::text as began, query_start::text as doing_since, usename as role, backend_type as kind, state,
        extract(epoch from clock_timestamp() - coalesce(xact_start, state_change, backend_start))::float8 as seconds, query as statement,
        (select count(*)::integer from pg_stat_activity w where a.pid = any (pg_blocking_pids(w.pid))) as waiting,
        pid = pg_backend_pid() as own, coalesce(pg_has_role(usesysid, 'usage'), false) as endable
      from pg_stat_activity a where pid = ${pid}::integer and datname = current_database()`,
  );
  return row && { ...row, statement: row.statement === null ? null : withoutLiterals(row.statement) };
}

type Told = Pick<FoundSession, 'pid' | 'began' | 'doing_since'>;

/** Looks until it is over: a process hears of it when it comes to a place where it may end. */
const looks = { most: 60, pause_ms: 50 };

const isIt = ({ sql }: Database, { pid, began }: Told) =>
  sql`pid = ${pid}::integer and backend_start = ${began}::text::timestamptz`;

/**
 * Ends the session, or what it is doing; its transaction is rolled back either way.
 * @returns whether it is over; `gone`: it was not there any more
 */
export async function endSession(db: Database, told: Told, what: 'session' | 'statement'): Promise<'over' | 'goes on' | 'gone'> {
  const { ask, sql } = db;
  const end = what === 'session' ? sql`pg_terminate_backend(pid)` : sql`pg_cancel_backend(pid)`;
  const rows = await ask('end-database-session', sql`select ${end} from pg_stat_activity where ${isIt(db, told)}`);
  if (rows.length === 0) return 'gone';
  for (let look = 0; look < looks.most; look += 1) {
    if (!(await goesOn(db, told, what))) return 'over';
    await pause(looks.pause_ms);
  }
  return 'goes on';
}

async function goesOn(db: Database, told: Told, what: 'session' | 'statement'): Promise<boolean> {
  const { ask, sql } = db;
  const sameStatement = sql`and state = 'active' and query_start is not distinct from ${told.doing_since}::text::timestamptz`;
  const rows = await ask(
    'look-for-database-session',
    sql`select 1 from pg_stat_activity where ${isIt(db, told)} ${what === 'statement' ? sameStatement : sql``}`,
  );
  return rows.length > 0;
}

export interface CareOfTable {
  readonly name: string;
  readonly bytes: number;
  readonly live_rows: number;
  readonly dead_rows: number;
  /** By hand or by itself; null where it never was. */
  readonly vacuumed: Date | null;
  /** Transactions since the oldest row that is not frozen. */
  readonly transaction_age: number;
}

/** A table of the server, its partitions together; undefined where there is none of that name. */
export async function findTable({ ask, sql }: Database, name: string): Promise<CareOfTable | undefined> {
  const [row] = await ask<CareOfTable>(
    'find-table',
    sql`
      select ${name} as name, sum(pg_total_relation_size(s.relid))::float8 as bytes, sum(s.n_live_tup)::float8 as live_rows,
        sum(s.n_dead_tup)::float8 as dead_rows, max(greatest(s.last_vacuum, s.last_autovacuum)) as vacuumed,
        max(age(c.relfrozenxid))::float8 as transaction_age
      from pg_stat_user_tables s join pg_class c on c.oid = s.relid left join pg_inherits i on i.inhrelid = s.relid
      where s.schemaname = 'public' and (s.relname = ${name} or i.inhparent = to_regclass('public.' || quote_ident(${name})))
      having count(*) > 0`,
  );
  return row;
}

export const listTableNames = async ({ ask, sql }: Database): Promise<string[]> =>
  (
    await ask<{ name: string }>(
      'list-table-names',
      sql`
        select relname as name from pg_class c
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by relname`,
    )
  ).map(({ name }) => name);

/** Nobody waits for it. @param name of a table that was found */
export async function vacuumTable(db: Database, name: string, freeze: boolean): Promise<void> {
  await db.ask('vacuum-table', db.sql.unsafe(`vacuum (analyze${freeze ? ', freeze' : ''}) public.${await quoted(db, name)}`));
}

async function quoted({ ask, sql }: Database, name: string): Promise<string> {
  const [row] = await ask<{ name: string }>('quote-name', sql`select quote_ident(${name}) as name`);
  return row?.name ?? '';
}

export interface CareOfIndex {
  readonly name: string;
  readonly table: string;
  readonly bytes: number;
  readonly is_valid: boolean;
  /** Whether it is what a rebuild that was cut off has left: to be dropped, not rebuilt. */
  readonly is_leftover: boolean;
  /** What rebuilds of it that were cut off have left. */
  readonly leftovers: readonly string[];
}

/** An index of the server; undefined where there is none of that name. */
export async function findIndex({ ask, sql }: Database, name: string): Promise<CareOfIndex | undefined> {
  const [row] = await ask<CareOfIndex>(
    'find-index',
    sql`
      select c.relname as name, x.indrelid::regclass::text as "table", pg_relation_size(c.oid)::float8 as bytes, x.indisvalid as is_valid,
        not x.indisvalid and c.relname ~ '_cc(new|old)[0-9]*$' as is_leftover,
        array(
          select l.relname::text from pg_class l join pg_index y on y.indexrelid = l.oid
          where y.indrelid = x.indrelid and not y.indisvalid and l.relname ~ ('^' || regexp_replace(left(c.relname, 57), '\\W', '.', 'g') || '_cc(new|old)[0-9]*$')
        ) as leftovers
      from pg_class c join pg_index x on x.indexrelid = c.oid
      where c.relnamespace = 'public'::regnamespace and c.relname = ${name}`,
  );
  return row;
}

/** Requests go on while it is built beside the old one. @param index that was found */
export async function rebuildIndex(db: Database, { name, is_leftover, leftovers }: CareOfIndex): Promise<void> {
  for (const left of is_leftover ? [name] : leftovers)
    await db.ask('drop-leftover', db.sql.unsafe(`drop index concurrently if exists public.${await quoted(db, left)}`));
  if (!is_leftover) await db.ask('rebuild-index', db.sql.unsafe(`reindex index concurrently public.${await quoted(db, name)}`));
}

/** A statement of the statistics, as it is asked. */
export async function findStatement({ ask, sql }: Database, id: string): Promise<string | undefined> {
  const [row] = await ask<{ query: string }>(
    'find-statement',
    sql`
      select query from pg_stat_statements
      where queryid = ${id}::bigint and dbid = (select oid from pg_database where datname = current_database()) limit 1`,
  );
  return row?.query;
}

/**
 * How Postgres would carry it out, whatever its parameters are; it is not carried out.
 * @param statement of the statistics, with its parameters as `$1`
 */
export async function explainStatement(db: Database, statement: string): Promise<string[]> {
  const rows = await db.ask<Record<'QUERY PLAN', string>>(
    'explain-statement',
    db.sql.unsafe(`explain (generic_plan, costs) ${statement}`),
  );
  return rows.map((row) => row['QUERY PLAN']);
}
