/** What tests of restores work with: the procedures' tools on a database of their own, and a copy of it that stands for a loaded backup. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { BackupManifest } from '../../lib/ops/backup-manifest.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import type { TrailHead } from '../../lib/ops/read-trail.ts';
import { type RestoreStep, type RestoreStepTools, restoreStep, type StepDone } from '../../lib/ops/restore-step.ts';
import { namesOf, type RestoreNames } from '../../lib/ops/swap-databases.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { maintenanceDatabase } from '../../lib/store/databases.ts';
import type { ReplayedEvent } from '../../lib/store/replay-events.ts';
import { openWorkbench, type Workbench } from '../ops/workbench.ts';
import { openBucket, type TestBucket } from './backups.ts';

export interface RestoreBench extends Workbench {
  readonly bucket: TestBucket;
  readonly tools: RestoreStepTools;
  /** What the trail of events tells, and up to when. */
  trail: { head: TrailHead | undefined; events: readonly ReplayedEvent[] };
  /** Opens a database of the server; closed with the bench. */
  open(database: string, user?: string): Database;
  /** Copies the database that serves, as a backup that was loaded. */
  copy(run: string): Promise<RestoreNames>;
  /** Databases of the server that belong to this one. */
  databases(): Promise<string[]>;
}

export const backupId = 'oauth2-20260101T020000Z';

const manifest: BackupManifest = {
  backup_id: backupId,
  kind: 'daily',
  stage: 'test',
  release: 'r',
  schema_version: '1',
  postgres_version: '17.0',
  taken_at: '2026-01-01T02:00:00.000Z',
  bytes: 1,
  sha256: '00',
  seconds: 1,
  entries: 1,
  verified_at: '2026-01-01T02:00:01.000Z',
  tables: [],
};

export async function openRestoreBench(): Promise<RestoreBench> {
  const bench = await openWorkbench();
  const bucket = await openBucket();
  await bucket.storage.putManifest(manifest);
  const { host, port, name: live } = bench.database;
  const opened: Database[] = [];
  const connect = (database: string, user: string) => {
    const db = openDatabase({ host, port, database, user, tls: false, prepare: true, connections: 1, deadline_ms: 60_000 });
    opened.push(db);
    return db;
  };
  const server = connect(maintenanceDatabase, 'postgres');
  const databases = async () =>
    (
      await server.sql<{ name: string }[]>`select datname as name from pg_database where starts_with(datname, ${live}) order by 1`
    ).map(({ name }) => name);
  const own: RestoreBench = {
    ...bench,
    bucket,
    trail: { head: undefined, events: [] },
    tools: {
      db: bench.migrator,
      now: () => new Date(),
      live,
      open: (database) => connect(database, 'oauth2_migrator'),
      connection: { host, port, database: live, user: 'oauth2_migrator', tls: false, ca_file: '' },
      programs: { folder: '', path: '/nowhere' },
      storage: bucket.storage,
      directory: 'migrations',
      trail: {
        readHead: async () => own.trail.head,
        async *readSince() {
          yield [...own.trail.events];
        },
      },
    },
    open: (database, user = 'oauth2_migrator') => connect(database, user),
    async copy(run) {
      const names = namesOf(live, run);
      await server.sql`
        select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${live} and pid <> pg_backend_pid()`;
      await server.sql.unsafe(`create database ${names.fresh} template ${live} owner oauth2_migrator`);
      return names;
    },
    databases,
    async stop() {
      await bucket.close();
      const kept = (await databases()).filter((name) => name !== live);
      for (const name of kept) await server.sql.unsafe(`drop database ${name} with (force)`);
      await Promise.all(opened.map((db) => db.end()));
      await bench.stop();
    },
  };
  return own;
}

/** Takes one step of a restore of `backupId`. */
export async function attemptStep(bench: RestoreBench, step: RestoreStep, run: string) {
  const input = { step, run, backup_id: backupId, last_write: '2026-01-01T12:30:00Z' };
  return runProcedure(restoreStep, bench.tools, { input, apply: true, reason: 'drill', actor: 'test' });
}

/** @throws {AssertionError} where it fails */
export async function takeStep(bench: RestoreBench, step: RestoreStep, run: string): Promise<StepDone> {
  const { result, error } = await attemptStep(bench, step, run);
  assert.equal(error, undefined);
  return result as StepDone;
}

export async function addClient(db: Database, client_id: string): Promise<void> {
  await db.sql`
    insert into clients (client_id, client_name, client_secret_hash, token_endpoint_auth_method)
    values (${client_id}, 'c', ${randomBytes(32)}, 'client_secret_basic')`;
}

/** To the second, as tokens have it. */
export const inAnHour = () => new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000);
