/** Takes one backup: a dump of a snapshot, streamed into the bucket, read back, and described by a manifest of the same snapshot. */
import { createHash } from 'node:crypto';
import { type Readable, Transform } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { inSnapshot, readContents, type Snapshot } from '../store/backup-contents.ts';
import type { Database } from '../store/database.ts';
import { tellProgress } from '../telemetry.ts';
import { type BackupKind, type BackupManifest, backupIdOf } from './backup-manifest.ts';
import type { BackupStorage } from './backup-storage.ts';
import { ProcedureFault } from './input.ts';
import { type Connection, checkProgram, connecting, type ProgramPlace, startProgram } from './postgres-programs.ts';
import { mebibytes } from './wording.ts';

export interface BackupTools {
  /** Connected as the role that reads every row, to the server itself. */
  readonly source: Database;
  /** The same for programs. */
  readonly connection: Connection;
  readonly programs: ProgramPlace;
  readonly storage: BackupStorage;
  readonly stage: string;
  readonly release: string;
}

/** Of a table whose rows are summed up. */
export const tellTable = (name: string, done: number, of: number): void =>
  tellProgress(() => `${name} is summed up, ${done} of ${of} tables`);

export interface ReadBack {
  readonly bytes: number;
  readonly sha256: string;
  /** Lines of `pg_restore --list`. */
  readonly entries: number;
}

/** The major version of `17.6`. */
export const majorOf = (version: string): number => Number.parseInt(version, 10);

/** What flows through it, counted and summed up; it ends well only when `until` does. */
function measuring(until: Promise<void>): { through: Transform; facts: () => { bytes: number; sha256: string } } {
  const hash = createHash('sha256');
  let bytes = 0;
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      tellProgress(() => `${mebibytes(bytes)} dumped`);
      done(null, chunk);
    },
    flush(done) {
      until.then(() => done(), done);
    },
  });
  return { through, facts: () => ({ bytes, sha256: hash.digest('hex') }) };
}

/** Streams the dump into the bucket. @throws {ProcedureFault} where `pg_dump` does not succeed; then the bucket has nothing of it */
async function dump(
  { connection, programs, storage }: BackupTools,
  { id }: Pick<Snapshot, 'id'>,
  backupId: string,
  kind: BackupKind,
  signal: AbortSignal,
): Promise<{ bytes: number; sha256: string }> {
  const { args, environment } = await connecting(connection);
  const what = [
    '--format=custom',
    `--snapshot=${id}`,
    // Counters of failures, which a crash may forget too.
    '--no-unlogged-table-data',
    // The administrator's, and each database gets it with its first migration.
    '--exclude-extension=pg_stat_statements',
  ];
  const stopper = new AbortController();
  const either = AbortSignal.any([signal, stopper.signal]);
  const running = startProgram(programs, 'pg_dump', [...args, ...what], environment, either);
  running.stdin.end();
  const { through, facts } = measuring(running.succeeded);
  running.stdout.pipe(through);
  try {
    await storage.putDump(backupId, kind, through, signal);
  } catch (error) {
    // Nobody reads what it would go on to write.
    stopper.abort();
    throw error;
  }
  return facts();
}

/**
 * Reads a dump from the bucket, and lists what is in it.
 * @throws {ProcedureFault} where it is not there, or is none
 */
export async function readBack(
  { programs, storage }: Pick<BackupTools, 'programs' | 'storage'>,
  backupId: string,
  signal: AbortSignal,
): Promise<ReadBack> {
  const lister = startProgram(programs, 'pg_restore', ['--list'], {}, signal);
  const entries = countEntries(lister.stdout);
  const hash = createHash('sha256');
  let bytes = 0;
  // It stops reading after the list, which is at the beginning.
  let deaf = false;
  const closed = new Promise<void>((done) => lister.stdin.once('close', done)).then(() => {
    deaf = true;
  });
  for await (const chunk of await storage.readDump(backupId)) {
    signal.throwIfAborted();
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    tellProgress(() => `${mebibytes(bytes)} read back`);
    if (deaf || lister.stdin.write(chunk)) continue;
    await Promise.race([closed, new Promise((done) => lister.stdin.once('drain', done))]);
  }
  lister.stdin.end();
  await lister.succeeded;
  return { bytes, sha256: hash.digest('hex'), entries: await entries };
}

async function countEntries(list: Readable): Promise<number> {
  let [entries, rest] = [0, ''];
  for await (const text of list.setEncoding('utf8')) {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    entries += lines.filter((line) => /^\d/.test(line)).length;
  }
  return entries;
}

/** Waits for both, also for the one that goes on when the other has failed. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([one, other]);
  // The dump loses its snapshot where the other one fails: that is no cause.
  if (second.status === 'rejected') throw second.reason;
  if (first.status === 'rejected') throw first.reason;
  return [first.value, second.value];
}

/** Ends with the signal too: a server that does not answer would never end it. @param letGo of the connection that it is on */
async function untilGivenUp<T>(work: Promise<T>, signal: AbortSignal, letGo: () => void): Promise<T> {
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  const giveUp = () => {
    letGo();
    reject(signal.reason);
  };
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  return Promise.race([work, givenUp]).finally(() => signal.removeEventListener('abort', giveUp));
}

/** A table that somebody else made, and that the role of the backups may not read, stops all of them: it is named. */
function explainReading(cause: unknown): never {
  if ((cause as { code?: unknown }).code !== '42501') throw cause;
  const { message } = cause as Error;
  throw new ProcedureFault(
    'not_readable',
    `${message}: whoever made it lets oauth2_backup read it, or moves it elsewhere`,
    false,
  );
}

/** Dumps and describes one snapshot. @returns undefined where the second of the snapshot has a backup already */
async function takeOnce(
  tools: BackupTools,
  kind: BackupKind,
  signal: AbortSignal,
  asOf: string | undefined,
): Promise<Omit<BackupManifest, 'seconds' | 'entries' | 'verified_at'> | 'taken' | undefined> {
  const { source, storage, stage, release } = tools;
  const pool = source.sql;
  tellProgress(() => 'the database is asked for a snapshot');
  return inSnapshot(source, async (snapshot) => {
    const { taken_at, postgres_version, schema_version } = snapshot;
    await checkProgram(tools.programs, 'pg_dump', majorOf(postgres_version));
    const backup_id = backupIdOf(taken_at);
    if (await storage.hasDump(backup_id)) return 'taken';
    const [facts, tables] = await both(
      dump(tools, snapshot, backup_id, kind, signal),
      untilGivenUp(readContents(snapshot.sql, tellTable), signal, () => source.replace(pool)).catch(explainReading),
    );
    return {
      backup_id,
      kind,
      stage,
      release,
      schema_version,
      postgres_version,
      taken_at: asOf ?? taken_at.toISOString(),
      ...facts,
      tables,
    };
  });
}

/**
 * Takes a backup, and only says so when it has been read back as it was written.
 * @param signal gives it up
 * @param asOf the instant that the database was taken back to before, ISO 8601; default: the snapshot's
 * @throws {ProcedureFault} where another one is under way, a program is missing or failed, or what was read back is something else
 */
export async function takeBackup(
  tools: BackupTools,
  kind: BackupKind,
  signal: AbortSignal,
  asOf?: string,
): Promise<BackupManifest> {
  const started = performance.now();
  let taken = await takeOnce(tools, kind, signal, asOf);
  while (taken === 'taken') {
    await wait(1000 - (Date.now() % 1000), undefined, { signal });
    taken = await takeOnce(tools, kind, signal, asOf);
  }
  if (taken === undefined)
    throw new ProcedureFault('under_way', 'another backup is under way: wait for it, list-backups shows it then');
  const { tables, ...facts } = taken;
  const found = await readBack(tools, facts.backup_id, signal);
  if (found.sha256 !== facts.sha256 || found.bytes !== facts.bytes)
    throw new ProcedureFault(
      'verification_failed',
      `${facts.backup_id} was read back otherwise than it was written: run it again`,
      false,
    );
  const seconds = Math.round(performance.now() - started) / 1000;
  const manifest = { ...facts, seconds, entries: found.entries, verified_at: new Date().toISOString(), tables };
  await tools.storage.putManifest(manifest);
  return manifest;
}
