/** Maintenance mode: a setting of the database that makes new sessions read-only, and the end of the sessions from before. */
import type { Database } from './database.ts';

/** Whether new sessions of the request path may only read. */
export async function isInMaintenance(db: Database): Promise<boolean> {
  const [row] = await db.ask<{ on: boolean }>(
    'is-in-maintenance',
    db.sql`
      select coalesce(bool_or('default_transaction_read_only=on' = any(setconfig)), false) as on from pg_db_role_setting
      where setrole = 0 and setdatabase = (select oid from pg_database where datname = current_database())`,
  );
  return row?.on ?? false;
}

/**
 * Sets it for every session that begins from now on; those that are open keep what they began with.
 * @param db a connection as the owner of the database
 */
export async function setMaintenance(db: Database, on: boolean): Promise<void> {
  const [row] = await db.ask<{ name: string }>('name-database', db.sql`select quote_ident(current_database()) as name`);
  const change = on ? 'set default_transaction_read_only = on' : 'reset default_transaction_read_only';
  await db.ask('set-maintenance', db.sql.unsafe(`alter database ${row?.name} ${change}`));
}

/**
 * Ends the sessions of the request path that began before an instant of the database's clock.
 * @returns how many there were
 */
export async function endSessionsFromBefore(db: Database, instant: string): Promise<number> {
  const rows = await db.ask(
    'end-sessions-from-before',
    db.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename = 'oauth2_api' and backend_start <= ${instant}::timestamptz`,
  );
  return rows.length;
}

/** The database's own clock, exact to the microsecond: sessions are as old as it says. */
export async function readDatabaseClock(db: Database): Promise<string> {
  const [row] = await db.ask<{ now: string }>('read-clock', db.sql`select clock_timestamp()::text as now`);
  return row?.now ?? '';
}
