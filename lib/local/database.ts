/** The embedded Postgres of a folder: started with its database and owner role in place, stopped without a trace. */
import { mkdirSync } from 'node:fs';
import postgres from 'postgres';
import { LocalFailure } from './failure.ts';
import { type FolderLock, lockFolder } from './lock.ts';
import { startServer } from './postgres-server.ts';

export interface DatabaseOptions {
  /** Folder of its own for the cluster and the server's log. */
  readonly folder: string;
  /** Gives up safety against a crash of the machine for speed: for tests. */
  readonly fast?: boolean;
  /** Fixed port; by default a free one. */
  readonly port?: number;
  /** Gives up the making of a new cluster. */
  readonly signal?: AbortSignal;
}

export interface Database {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Process id of the server. */
  readonly pid: number;
  /** The server's log file. */
  readonly log: string;
  /** Resolves when the server has ended, whoever ended it. */
  readonly ended: Promise<void>;
  /** Connection URL; any role may connect without a password from this machine. */
  url(user?: string, name?: string): string;
  /** Makes a new database, as a copy of `template` where given, owned by the migrator. Nobody may be connected to the template. */
  createDatabase(name: string, template?: string): Promise<void>;
  /** Drops a database, ending its connections. */
  dropDatabase(name: string): Promise<void>;
  stop(): Promise<void>;
}

/** What exists before the first migration: the database, the role that owns it, and the extension that only a superuser may create. */
export const databaseName = 'oauth2';
export const ownerRole = 'oauth2_migrator';

/**
 * Starts Postgres in a folder; makes cluster, database and owner role on first use, and recovers what a killed process left.
 * @throws LocalFailure when another process uses the folder, or with the end of the server's log
 */
export async function startDatabase(options: DatabaseOptions): Promise<Database> {
  mkdirSync(options.folder, { recursive: true });
  const lock = lockFolder(options.folder);
  if (typeof lock === 'number')
    throw new LocalFailure(`the database in ${options.folder} is in use by process ${lock}: stop that one first`);
  try {
    return await open(options, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function open(options: DatabaseOptions, lock: FolderLock): Promise<Database> {
  const server = await startServer({ ...options, fast: options.fast ?? false });
  const url = (user = 'postgres', name = databaseName) => `postgres://${user}@127.0.0.1:${server.port}/${name}`;
  const query = (name: string, run: (sql: postgres.Sql) => Promise<void>) => withConnection(url('postgres', name), run);
  server.ended.then(() => lock.release());
  const database: Database = {
    host: '127.0.0.1',
    port: server.port,
    pid: server.pid,
    log: server.log,
    ended: server.ended,
    url,
    createDatabase: (name, template) =>
      query('postgres', async (sql) => {
        const copied = template === undefined ? sql`` : sql`template ${sql(template)}`;
        await sql`create database ${sql(name)} owner ${sql(ownerRole)} ${copied}`;
      }),
    dropDatabase: (name) => query('postgres', async (sql) => void (await sql`drop database if exists ${sql(name)} with (force)`)),
    stop: () => server.stop(),
  };
  try {
    await query('postgres', (sql) => prepare(sql, database));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return database;
}

async function withConnection(url: string, run: (sql: postgres.Sql) => Promise<void>): Promise<void> {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
  try {
    await run(sql);
  } finally {
    await sql.end();
  }
}

async function prepare(sql: postgres.Sql, database: Database): Promise<void> {
  const [found] = await sql`
    select exists (select from pg_roles where rolname = ${ownerRole}) as role, exists (select from pg_database where datname = ${databaseName}) as base`;
  if (!found?.role) await sql`create role ${sql(ownerRole)} login createrole`;
  // A restore makes a database beside this one.
  await sql`alter role ${sql(ownerRole)} createdb`;
  // What an administrator of RDS gives it: the migrations pass it on.
  await sql`grant pg_monitor to ${sql(ownerRole)} with admin option`;
  if (!found?.base) await database.createDatabase(databaseName);
  if (found?.role && found.base) return;
  await withConnection(database.url(), async (own) => void (await own`create extension if not exists pg_stat_statements`));
}
