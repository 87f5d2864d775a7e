/** Gives tests a real Postgres: one fast server for a whole run, and for each asker a migrated database of its own. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { after } from 'node:test';
import postgres from 'postgres';
import { databaseName, ownerRole, startDatabase } from '../../lib/local/database.ts';
import { migrate } from '../../lib/store/migrate.ts';

export interface TestDatabase {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** Connection URL of the superuser. */
  readonly url: string;
  /** Connection URL of another role: `oauth2_api`, `oauth2_operator`, `oauth2_migrator`. */
  urlAs(role: string): string;
  /** Drops the database, ending whatever is still connected. */
  drop(): Promise<void>;
}

interface Running {
  /** URL of the migrated database that the others are copies of. */
  readonly url: string;
  stop(): Promise<void>;
}

const variable = 'OAUTH2_TEST_DATABASE_URL';

/** Brings a database up to date as the deployed procedure does. */
async function applyMigrations(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await migrate(sql as unknown as Parameters<typeof migrate>[0], join(import.meta.dirname, '../../migrations'));
  } finally {
    await sql.end();
  }
}

async function startServer(): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-test-'));
  const database = await startDatabase({ folder, fast: true });
  const stop = async () => {
    await database.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await applyMigrations(database.url(ownerRole));
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: database.url(), stop };
}

let shared: Running | undefined;

/** Called by `node --test --test-global-setup` before the first test file; they inherit the variable. */
export async function globalSetup(): Promise<void> {
  shared = await startServer();
  env[variable] = shared.url;
}

/** Called after the last test file. */
export async function globalTeardown(): Promise<void> {
  await shared?.stop();
}

/** A test file that is run alone starts a server of its own, and stops it when its tests are over. */
let own: Promise<Running> | undefined;

async function serverUrl(): Promise<string> {
  const given = env[variable];
  if (given) return given;
  own ??= startServer();
  return (await own).url;
}

if (!env[variable] && env.NODE_TEST_CONTEXT !== undefined) after(async () => (await own)?.stop());

/**
 * A database of one's own with all migrations applied: real roles, no data. About 50 ms.
 * @throws the migration's error when the migrations do not apply
 */
export async function testDatabase(): Promise<TestDatabase> {
  const { hostname: host, port } = new URL(await serverUrl());
  const name = `test_${randomBytes(6).toString('hex')}`;
  const urlAs = (role: string, database = name) => `postgres://${role}@${host}:${port}/${database}`;
  const ask = async (text: string) => {
    const sql = postgres(urlAs('postgres', 'postgres'), { max: 1, fetch_types: false });
    await sql.unsafe(text).finally(() => sql.end());
  };
  await ask(`create database ${name} owner ${ownerRole} template ${databaseName}`);
  return {
    host,
    port: Number(port),
    name,
    url: urlAs('postgres'),
    urlAs: (role) => urlAs(role),
    // A server of one's own goes away with everything in it, before or after its databases.
    drop: () => (own ? Promise.resolve() : ask(`drop database if exists ${name} with (force)`)),
  };
}
