/** Questions about what the database does at this moment: connections, statements that run long, and those that wait for others. */
import type { Database } from './database.ts';

export interface Connections {
  readonly total: number;
  readonly active: number;
  readonly idle_in_transaction: number;
  readonly max_connections: number;
  /** Kept for administrators. */
  readonly reserved: number;
}

export async function countConnections(db: Database): Promise<Connections> {
  const [row] = await db.ask<Connections>(
    'count-connections',
    db.sql`
      select count(*)::integer as total, count(*) filter (where state = 'active')::integer as active,
        count(*) filter (where state like 'idle in transaction%')::integer as idle_in_transaction,
        current_setting('max_connections')::integer as max_connections,
        current_setting('superuser_reserved_connections')::integer as reserved
      from pg_stat_activity where backend_type = 'client backend'`,
  );
  return row ?? { total: 0, active: 0, idle_in_transaction: 0, max_connections: 0, reserved: 0 };
}

export interface RunningStatement {
  readonly pid: number;
  readonly role: string | null;
  readonly state: string | null;
  /** Of the statement, or of the transaction that stands idle. */
  readonly seconds: number;
  /** Without its literals, which may be secret. */
  readonly statement: string;
  readonly blocked_by: readonly number[];
}

/** Statements and open transactions of this database that last at least so long, the longest first. */
export async function listLongRunning(db: Database, seconds: number): Promise<RunningStatement[]> {
  const rows = await db.ask<RunningStatement>(
    'list-long-running',
    db.sql`
      select * from (
        select pid, usename as role, state,
          extract(epoch from clock_timestamp() - case when state = 'active' then query_start else state_change end)::float8 as seconds,
          query as statement, '{}'::integer[]::text[] as blocked_by
        from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' and state <> 'idle'
      ) s where seconds >= ${seconds} order by seconds desc limit 20`,
  );
  return rows.map(readable);
}

/** Statements that wait for a lock, with the processes that hold it. */
export async function listBlocked(db: Database): Promise<RunningStatement[]> {
  const rows = await db.ask<RunningStatement>(
    'list-blocked',
    db.sql`
      select pid, usename as role, state, extract(epoch from clock_timestamp() - query_start)::float8 as seconds, query as statement,
        pg_blocking_pids(pid)::text[] as blocked_by
      from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and cardinality(pg_blocking_pids(pid)) > 0
      order by seconds desc limit 20`,
  );
  return rows.map(readable);
}

/** Takes the literals out of a statement and makes one short line of it. */
export function withoutLiterals(statement: string): string {
  return statement
    .replace(/'(?:[^']|'')*'?/g, "'…'")
    .replace(/\$(\w*)\$[\s\S]*?(?:\$\1\$|$)/g, "'…'")
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 200);
}

function readable(row: RunningStatement): RunningStatement {
  return { ...row, statement: withoutLiterals(row.statement), blocked_by: row.blocked_by.map(Number) };
}

export interface SlowStatement {
  /** Of 64 bits, as text. */
  readonly query_id: string;
  readonly calls: number;
  readonly mean_ms: number;
  readonly total_ms: number;
  readonly rows: number;
  readonly statement: string;
}

/** The statements that took most time in all since the statistics began; undefined where the extension is not there. */
export async function listSlowestStatements(db: Database): Promise<SlowStatement[] | undefined> {
  const [extension] = await db.ask<{ there: boolean }>(
    'find-statement-statistics',
    db.sql`
      select exists (select from pg_extension where extname = 'pg_stat_statements')
        and current_setting('pg_stat_statements.max', true) is not null as there`,
  );
  if (!extension?.there) return undefined;
  const rows = await db.ask<SlowStatement>(
    'list-slowest-statements',
    db.sql`
      select queryid::text as query_id, calls::float8 as calls, mean_exec_time as mean_ms, total_exec_time as total_ms, rows::float8 as rows, query as statement
      from pg_stat_statements
      where dbid = (select oid from pg_database where datname = current_database()) and query not like '<insufficient privilege>'
      order by total_exec_time desc limit 10`,
  );
  return rows.map((row) => ({ ...row, statement: withoutLiterals(row.statement) }));
}

/** Whether this role sees what others run. */
export async function seesEverybody(db: Database): Promise<boolean> {
  const [row] = await db.ask<{ sees: boolean }>(
    'sees-everybody',
    db.sql`select pg_has_role('pg_read_all_stats', 'usage') as sees`,
  );
  return row?.sees === true;
}
