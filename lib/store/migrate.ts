/** Brings the schema up to date: forward-only SQL files, each in a transaction of its own, recorded in Flyway's history table. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { Sql } from './database.ts';
import { beginTransaction } from './transaction.ts';

export interface Migration {
  readonly version: string;
  readonly description: string;
  readonly script: string;
  readonly checksum: number;
  readonly text: string;
}

export interface AppliedMigration {
  readonly installed_rank: number;
  readonly version: string;
  readonly description: string;
  readonly script: string;
  readonly checksum: number;
  readonly installed_on: Date;
  readonly execution_time: number;
  readonly success: boolean;
}

/** The schema and the files disagree, or a file failed; the message is for the operator. */
export class MigrationError extends Error {
  override name = 'MigrationError';
}

/** A file never had the locks that it wants; nothing of it was done, and it may be run again as it is. */
export class MigrationBusy extends MigrationError {}

export interface MigrationPatience {
  /** Longest that requests wait behind a file that waits for its lock itself: below their own deadline. */
  readonly lock_ms: number;
  /** Between two attempts; whoever queued behind one goes first. */
  readonly pause_ms: number;
  /** From the beginning; below the limit of the procedure. */
  readonly within_ms: number;
}

const usualPatience: MigrationPatience = { lock_ms: 2000, pause_ms: 1000, within_ms: 240_000 };

/**
 * Reads a folder of `V0001__description.sql` files in the order of their versions.
 * @throws {MigrationError} for a name that is not of this form, or a version that stands twice
 */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  const migrations = await Promise.all(
    names.map(async (script) => {
      const parts = /^V(\d{4})__([a-z0-9_]+)\.sql$/.exec(script);
      if (!parts) throw new MigrationError(`${script} is not named like V0002__what_it_does.sql`);
      const text = await readFile(join(directory, script), 'utf8');
      return {
        version: String(Number(parts[1])),
        description: (parts[2] as string).replaceAll('_', ' '),
        script,
        // Flyway's checksums are signed 32-bit numbers.
        checksum: crc32(text) | 0,
        text,
      };
    }),
  );
  const twice = migrations.find(
    (migration, index) => migrations.findIndex(({ version }) => version === migration.version) !== index,
  );
  if (twice) throw new MigrationError(`version ${twice.version} stands twice, the second time in ${twice.script}`);
  if (migrations.length === 0) throw new MigrationError(`no migration found in ${directory}`);
  return migrations;
}

/** The history, oldest first; empty where nothing was ever applied. */
export async function listAppliedMigrations(sql: Sql): Promise<AppliedMigration[]> {
  const [table] = await sql`select to_regclass('flyway_schema_history') is not null as exists`;
  if (!table?.exists) return [];
  return sql<AppliedMigration[]>`
    select installed_rank, version, description, script, checksum, installed_on, execution_time, success
    from flyway_schema_history where version is not null order by installed_rank`;
}

/** Migrations that are still to be applied. @throws {MigrationError} where an applied file was edited, is missing or would be overtaken */
export function planMigrations(files: readonly Migration[], applied: readonly AppliedMigration[]): Migration[] {
  for (const done of applied) {
    const file = files.find(({ version }) => version === done.version);
    if (!file)
      throw new MigrationError(
        `the database has version ${done.version} (${done.script}), which this release does not know: deploy a newer one`,
      );
    if (file.checksum !== done.checksum) {
      throw new MigrationError(
        `${file.script} was edited after it was applied: restore its text and write a new migration instead`,
      );
    }
    if (!done.success) throw new MigrationError(`${file.script} failed before: see the runbook page migrate`);
  }
  const newest = Math.max(0, ...applied.map(({ version }) => Number(version)));
  const pending = files.filter(({ version }) => !applied.some((done) => done.version === version));
  const late = pending.find(({ version }) => Number(version) < newest);
  if (late) throw new MigrationError(`${late.script} comes before version ${newest}, which is applied: give it a higher version`);
  return pending;
}

/** Number of the lock that keeps two migrators apart; held to the end of a transaction. */
const lock = 4_715_112;

/**
 * Applies what is pending.
 * @param tell in words what goes on
 * @returns the migrations that this call applied
 * @throws {MigrationError} naming the file and Postgres's reason; files before it stay applied, its own changes are rolled back
 * @throws {MigrationBusy} where others held a table of it all the time
 */
export async function migrate(
  sql: Sql,
  directory: string,
  tell: (news: string) => void = () => {},
  patience = usualPatience,
): Promise<Migration[]> {
  const until = performance.now() + patience.within_ms;
  const files = await readMigrations(directory);
  await beginTransaction(sql, async (transaction) => {
    await transaction`select pg_advisory_xact_lock(${lock})`;
    await transaction`
      create table if not exists flyway_schema_history (
        installed_rank integer primary key,
        version varchar(50),
        description varchar(200) not null,
        type varchar(20) not null,
        script varchar(1000) not null,
        checksum integer,
        installed_by varchar(100) not null,
        installed_on timestamp not null default now(),
        execution_time integer not null,
        success boolean not null
      )`;
  });
  const applied: Migration[] = [];
  for (const file of planMigrations(files, await listAppliedMigrations(sql))) {
    tell(`${file.script} is applied`);
    if (await applyPatiently(sql, file, tell, patience, until)) applied.push(file);
  }
  return applied;
}

/** Tries a file again as a whole while others hold what it wants. @returns false where another migrator was faster */
async function applyPatiently(
  sql: Sql,
  file: Migration,
  tell: (news: string) => void,
  { lock_ms, pause_ms }: MigrationPatience,
  until: number,
): Promise<boolean> {
  for (;;) {
    try {
      return await applyMigration(sql, file, lock_ms);
    } catch (cause) {
      if (!passes(cause)) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new MigrationError(`${file.script} failed and was rolled back: ${reason}`);
      }
    }
    const holder = (await findHolder(sql, file)) ?? 'a table of it is in use';
    if (performance.now() + pause_ms >= until) throw new MigrationBusy(`${file.script} was not applied: ${holder}: run it again`);
    tell(`${file.script} waits: ${holder}`);
    await pause(pause_ms);
  }
}

/** A lock that did not come in time, or a deadlock with those who wait. */
function passes(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && /^(55P03|40P01)$/.test(String(cause.code));
}

/** Who has held a table that the file names for longest, in words. */
async function findHolder(sql: Sql, { text }: Migration): Promise<string | undefined> {
  const [row] = await sql<{ name: string; role: string; pid: number; seconds: number | null }[]>`
    select relname as name, usename as role, pid, extract(epoch from clock_timestamp() - xact_start)::integer as seconds
    from pg_locks join pg_class c on c.oid = relation join pg_stat_activity using (pid)
    where granted and database = (select oid from pg_database where datname = current_database()) and relkind in ('r', 'p')
      and relnamespace = 'public'::regnamespace and position(relname in ${text}) > 0 and pid <> pg_backend_pid()
    order by xact_start nulls last limit 1`;
  if (!row) return undefined;
  const since = row.seconds === null ? '' : `, for ${row.seconds} s`;
  return `${row.name} is in use by ${row.role} (session ${row.pid}${since})`;
}

/** @returns false where another migrator was faster */
async function applyMigration(sql: Sql, file: Migration, lockMs: number): Promise<boolean> {
  return beginTransaction(sql, async (transaction) => {
    // Whoever stops the function in the middle of a statement stops that too: its locks would keep requests waiting until its end.
    await transaction`select pg_advisory_xact_lock(${lock}), set_config('client_connection_check_interval', '1s', true)`;
    const [done] = await transaction`select from flyway_schema_history where version = ${file.version}`;
    if (done) return false;
    const started = performance.now();
    // From here on only: another migrator is waited for.
    await transaction`select set_config('lock_timeout', ${`${lockMs}ms`}, true)`;
    await transaction.unsafe(file.text);
    await transaction`
      insert into flyway_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
      select coalesce(max(installed_rank), 0) + 1, ${file.version}, ${file.description}, 'SQL', ${file.script}, ${file.checksum}, current_user,
        ${Math.round(performance.now() - started)}, true
      from flyway_schema_history`;
    return true;
  });
}
