/** Loads a backup into a database of its own, beside the one that serves, and proves that it is what the manifest says. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { listDumpedTables, readContents, type TableContents } from '../store/backup-contents.ts';
import type { Database } from '../store/database.ts';
import { createDatabase, dropDatabase, maintenanceDatabase } from '../store/databases.ts';
import { migrate as applyMigrations, MigrationError, readMigrations } from '../store/migrate.ts';
import { beginTransaction } from '../store/transaction.ts';
import { tellProgress } from '../telemetry.ts';
import type { BackupManifest } from './backup-manifest.ts';
import type { BackupStorage } from './backup-storage.ts';
import { ProcedureFault } from './input.ts';
import { type Connection, checkProgram, connecting, type ProgramPlace, startProgram } from './postgres-programs.ts';
import type { Tools } from './procedure.ts';
import { majorOf, tellTable } from './take-backup.ts';
import { mebibytes } from './wording.ts';

export interface RestoreTools extends Tools {
  /** Opens a database of the server as the role that owns them, with time for long statements. */
  open(database: string): Database;
  /** The same for programs; the database is chosen with each. */
  readonly connection: Connection;
  readonly programs: ProgramPlace;
  readonly storage: BackupStorage;
  /** Folder with the migrations of this release. */
  readonly directory: string;
}

export interface Loaded {
  readonly database: string;
  readonly tables: number;
  readonly rows: number;
  /** Of each table, by its name. */
  readonly rows_of: Readonly<Record<string, number>>;
  /** Migrations that the backup did not have yet. */
  readonly migrated: readonly string[];
}

/** Works with a database of the server that is closed afterwards. */
export async function withDatabase<T>(
  { open }: Pick<RestoreTools, 'open'>,
  name: string,
  work: (db: Database) => Promise<T>,
): Promise<T> {
  const db = open(name);
  return work(db).finally(() => db.end());
}

/** @throws {ProcedureFault} where there is no such backup, or a release that is newer than this one made it */
export async function findManifest({ storage, directory }: RestoreTools, id: string): Promise<BackupManifest> {
  const manifest = await storage.readManifest(id);
  if (!manifest)
    throw new ProcedureFault('no_such_backup', `${id} is no finished backup; oauth2ctl list-backups shows those that there are`);
  const newest = Math.max(...(await readMigrations(directory)).map(({ version }) => Number(version)));
  if (Number(manifest.schema_version) > newest)
    throw new ProcedureFault(
      'newer_schema',
      `${id} has migration ${manifest.schema_version}, this release knows ${newest}: put the release in place that made it (${manifest.release})`,
    );
  return manifest;
}

/** Streams the dump into the program, summing it up on the way. @throws {ProcedureFault} where it is not what was written */
async function pour(
  { storage, programs, connection }: RestoreTools,
  database: string,
  { backup_id, bytes, sha256 }: BackupManifest,
  signal: AbortSignal,
): Promise<void> {
  const { args, environment } = await connecting({ ...connection, database });
  // One transaction: what fails leaves an empty database, which is dropped.
  const how = ['--single-transaction', '--exit-on-error', '--no-owner'];
  const restorer = startProgram(programs, 'pg_restore', [...args, ...how], environment, signal);
  restorer.stdout.resume();
  const hash = createHash('sha256');
  const ended = restorer.succeeded.catch(() => {});
  let poured = 0;
  for await (const chunk of await storage.readDump(backup_id)) {
    signal.throwIfAborted();
    hash.update(chunk as Buffer);
    poured += (chunk as Buffer).length;
    tellProgress(() => `${mebibytes(poured)} of ${mebibytes(bytes)} loaded`);
    if (!restorer.stdin.write(chunk)) await Promise.race([once(restorer.stdin, 'drain'), ended]);
    if (restorer.stdin.destroyed) break;
  }
  restorer.stdin.end();
  await restorer.succeeded;
  if (hash.digest('hex') !== sha256)
    throw new ProcedureFault('backup_damaged', `${backup_id} is not what was written: choose another one`, false);
}

/** What differs between two states, table by table. */
function differences(wanted: readonly TableContents[], found: readonly TableContents[]): string[] {
  return wanted.flatMap((table) => {
    const own = found.find(({ name }) => name === table.name);
    if (own === undefined) return [`${table.name} is missing`];
    if (own.rows !== table.rows) return [`${table.name} has ${own.rows} rows and had ${table.rows}`];
    return isDeepStrictEqual(own, table) ? [] : [`${table.name} has other rows than it had`];
  });
}

/** @throws {ProcedureFault} where a table has other rows than the manifest says */
export async function compareContents(db: Database, { tables, backup_id }: BackupManifest): Promise<number> {
  const found = await beginTransaction(db.sql, async (sql) => {
    const there = await listDumpedTables(sql);
    return there.length === 0 ? [] : readContents(sql, tellTable);
  });
  const differing = differences(tables, found);
  if (differing.length > 0)
    throw new ProcedureFault('verification_failed', `what was restored is not ${backup_id}: ${differing.join(', ')}`, false);
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}

/**
 * Makes a database of the backup, with every table as the manifest says, and brings its schema up to date.
 * @param database name of the new database; one of that name from before is replaced
 */
export async function loadBackup(
  tools: RestoreTools,
  manifest: BackupManifest,
  database: string,
  signal: AbortSignal,
): Promise<Loaded> {
  await checkProgram(tools.programs, 'pg_restore', majorOf(manifest.postgres_version));
  await withDatabase(tools, maintenanceDatabase, async (server) => {
    await dropDatabase(server, database);
    await createDatabase(server, database);
  });
  await pour(tools, database, manifest, signal);
  return withDatabase(tools, database, async (db) => {
    const rows = await compareContents(db, manifest);
    const migrated = await applyMigrations(db.sql, tools.directory).catch((error: unknown) => {
      throw error instanceof MigrationError ? new ProcedureFault('migration_failed', error.message, false) : error;
    });
    const rows_of = Object.fromEntries(manifest.tables.map((table) => [table.name, table.rows]));
    return { database, tables: manifest.tables.length, rows, rows_of, migrated: migrated.map(({ script }) => script) };
  });
}
