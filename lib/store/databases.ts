/** Questions about whole databases of the server: which there are, making one beside another, changing their names, and removing one. */
import type { Database } from './database.ts';

/** The database that every server has, from which the others are made and renamed. */
export const maintenanceDatabase = 'postgres';

/** Names of the databases that begin so. */
export async function listDatabases(server: Database, prefix: string): Promise<string[]> {
  const rows = await server.ask<{ name: string }>(
    'list-databases',
    server.sql`select datname as name from pg_database where starts_with(datname, ${prefix}) order by datname`,
  );
  return rows.map(({ name }) => name);
}

/** @param server a connection as the role that will own it */
export async function createDatabase({ ask, sql }: Database, name: string): Promise<void> {
  await ask('create-database', sql`create database ${sql(name)}`);
  for (const role of ['oauth2_api', 'oauth2_operator', 'oauth2_backup'])
    await ask('grant-connect', sql`grant connect on database ${sql(name)} to ${sql(role)}`);
}

/** Removes a database with the sessions that are in it; one that is not there is no failure. */
export async function dropDatabase({ ask, sql }: Database, name: string): Promise<void> {
  await ask('drop-database', sql`drop database if exists ${sql(name)} with (force)`);
}

/**
 * Ends the sessions of this server's roles in a database and lets no new one begin, so that its name can change.
 * @returns others that are left, by their role, which only they or an administrator may end
 */
export async function closeDatabase({ ask, sql }: Database, name: string): Promise<string[]> {
  await ask('refuse-connections', sql`alter database ${sql(name)} with allow_connections false`);
  await ask(
    'end-sessions-of-database',
    sql`
      select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = ${name} and backend_type = 'client backend' and pg_has_role(usesysid, 'usage')`,
  );
  const left = await ask<{ role: string }>(
    'list-sessions-of-database',
    sql`select distinct usename as role from pg_stat_activity where datname = ${name} and backend_type = 'client backend'`,
  );
  return left.map(({ role }) => role);
}

export async function reopenDatabase({ ask, sql }: Database, name: string): Promise<void> {
  await ask('allow-connections', sql`alter database ${sql(name)} with allow_connections true`);
}

/** Writes a note at a database, which goes along when its name changes; null removes it. */
export async function noteDatabase({ ask, sql }: Database, name: string, note: string | null): Promise<void> {
  const [row] = await ask<{ statement: string }>(
    'write-note',
    sql`select format('comment on database %I is %L', ${name}::text, ${note}::text) as statement`,
  );
  if (row) await ask('note-database', sql.unsafe(row.statement));
}

/** The note at a database. */
export async function readNote({ ask, sql }: Database, name: string): Promise<string | undefined> {
  const [row] = await ask<{ note: string | null }>(
    'read-note',
    sql`select shobj_description(oid, 'pg_database') as note from pg_database where datname = ${name}`,
  );
  return row?.note ?? undefined;
}

/** @param server a connection to another database than these */
export async function renameDatabase({ ask, sql }: Database, from: string, to: string): Promise<void> {
  await ask('rename-database', sql`alter database ${sql(from)} rename to ${sql(to)}`);
}

/** When the first migration of a database was applied: of a copy it is the same instant, of one that was made anew another. Digits, dots and dashes. */
export async function readLineage(db: Database): Promise<string | undefined> {
  const [table] = await db.ask<{ exists: boolean }>(
    'find-history',
    db.sql`select to_regclass('public.flyway_schema_history') is not null as exists`,
  );
  if (!table?.exists) return undefined;
  const [first] = await db.ask<{ lineage: string }>(
    'read-lineage',
    db.sql`select extract(epoch from installed_on) || '-' || checksum as lineage from flyway_schema_history order by installed_rank limit 1`,
  );
  return first?.lineage;
}
