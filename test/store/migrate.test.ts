/** Migrations: forward only, each one whole, recorded as Flyway does; and what each role may do afterwards. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findClient } from '../../lib/store/clients.ts';
import { listAppliedMigrations, migrate, planMigrations, readMigrations } from '../../lib/store/migrate.ts';
import { openRelay } from '../support/relay.ts';
import { openStore, storeClient } from '../support/store.ts';

/** A folder with the real migrations and more files beside them. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-migrations-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of readdirSync('migrations')) copyFileSync(join('migrations', name), join(folder, name));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const store = await openStore();
const migrator = store.open({ user: 'oauth2_migrator' });
const exists = async (table: string) => (await store.admin`select to_regclass(${table}) is not null as exists`)[0]?.exists;

test('what was applied is recorded in the columns of Flyway', async () => {
  const [file] = await readMigrations('migrations');
  const [row] = await store.admin`select * from flyway_schema_history order by installed_rank limit 1`;
  assert.partialDeepStrictEqual(
    { ...row },
    {
      installed_rank: 1,
      version: '1',
      description: 'initial',
      type: 'SQL',
      script: 'V0001__initial.sql',
      checksum: file?.checksum,
      installed_by: 'oauth2_migrator',
      success: true,
    },
  );
  assert.deepEqual(await migrate(migrator.sql, 'migrations'), [], 'and is not applied again');
});

test('several migrators at once apply each migration once', async () => {
  const folder = folderWith({ 'V9001__raced.sql': 'create table raced (id int); insert into raced values (1);' });
  const migrators = Array.from({ length: 5 }, () => store.open({ user: 'oauth2_migrator' }));
  const applied = await Promise.all(migrators.map((one) => migrate(one.sql, folder)));
  assert.deepEqual(
    applied.flat().map(({ script }) => script),
    ['V9001__raced.sql'],
  );
  assert.equal((await store.admin`select from raced`).length, 1);
  await store.admin`drop table raced`;
  await store.admin`delete from flyway_schema_history where version = '9001'`;
});

/** Reads the clients in a transaction that stays open, as a dump does. @returns ends it */
async function holdClients(): Promise<() => Promise<void>> {
  const reader = store.open({ user: 'oauth2_backup' });
  const [holding, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const held = reader.sql.begin(async (sql) => {
    await sql`select count(*) from clients`;
    holding.resolve();
    await released.promise;
  });
  await holding.promise;
  return async () => {
    released.resolve();
    await held;
  };
}

test('while a migration waits for a reader, clients are found, and it goes through once the reader has ended', async () => {
  const { client_id } = await storeClient(store.db);
  const folder = folderWith({ 'V9001__held_up.sql': 'alter table clients add column held_up text;' });
  const release = await holdClients();
  const news: string[] = [];
  const migrating = migrate(migrator.sql, folder, (line) => news.push(line));
  const waiting = () => store.admin`select from pg_locks where not granted and relation = 'clients'::regclass`;
  while ((await waiting()).length === 0);
  assert.equal((await findClient(store.db, client_id))?.client_id, client_id);
  while (news.length < 2) await store.admin`select 1`;
  assert.match(news[1] ?? '', /^V9001__held_up\.sql waits: clients is in use by oauth2_backup \(session \d+(, for \d+ s)?\)$/);
  await release();
  assert.deepEqual(
    (await migrating).map(({ version }) => version),
    ['9001'],
  );
  await store.admin`alter table clients drop column held_up`;
  await store.admin`delete from flyway_schema_history where version = '9001'`;
});

test('a migration whose lock never comes leaves nothing, names who holds it, and may be run again', async () => {
  const folder = folderWith({
    'V9001__held_up.sql': 'create table beside_it (id int); alter table clients add column held_up text;',
  });
  const release = await holdClients();
  const impatient = { lock_ms: 20, pause_ms: 1, within_ms: 200 };
  await assert.rejects(migrate(migrator.sql, folder, undefined, impatient), {
    message: /^V9001__held_up\.sql was not applied: clients is in use by oauth2_backup \(session \d+.*\): run it again$/,
  });
  assert.equal(await exists('beside_it'), false);
  assert.equal((await listAppliedMigrations(migrator.sql)).at(-1)?.version === '9001', false);
  await release();
  assert.equal((await migrate(migrator.sql, folder, undefined, impatient)).length, 1);
  await store.admin`drop table beside_it`;
  await store.admin`alter table clients drop column held_up`;
  await store.admin`delete from flyway_schema_history where version = '9001'`;
});

test('a migration whose function was stopped lets its locks go within seconds, in the middle of a statement', async () => {
  const folder = folderWith({ 'V9001__slow.sql': 'lock table clients in access exclusive mode; select pg_sleep(120);' });
  const relay = await openRelay(store.database);
  const { sql } = store.open({ user: 'oauth2_migrator', host: '127.0.0.1', port: relay.port });
  const stopped = assert.rejects(migrate(sql, folder));
  const sleeps = async () =>
    (await store.admin`select from pg_locks where relation = 'clients'::regclass and mode = 'AccessExclusiveLock' and granted`)
      .length > 0;
  while (!(await sleeps()));
  relay.close();
  const until = performance.now() + 30_000;
  while ((await sleeps()) && performance.now() < until);
  assert.equal(await sleeps(), false);
  await stopped;
  assert.deepEqual(await migrate(migrator.sql, 'migrations'), [], 'and nothing of it was applied');
});

test('a failing migration is rolled back whole and names file and reason; those before it stay', async () => {
  const folder = folderWith({
    'V9001__good.sql': 'create table good (id int);',
    'V9002__bad.sql': 'create table half (id int); select 1/0;',
  });
  await assert.rejects(migrate(migrator.sql, folder), { name: 'MigrationError', message: /V9002__bad\.sql .*division by zero/ });
  assert.deepEqual([await exists('good'), await exists('half')], [true, false]);
  const applied = await listAppliedMigrations(migrator.sql);
  assert.equal(applied.at(-1)?.version, '9001');
  writeFileSync(join(folder, 'V9002__bad.sql'), 'create table half (id int);');
  assert.deepEqual(
    (await migrate(migrator.sql, folder)).map(({ version }) => version),
    ['9002'],
    'mended, it goes forward',
  );
});

test('an applied migration that was edited is refused and named', async () => {
  const folder = folderWith({
    'V9001__good.sql': 'create table good (id int);',
    'V9002__bad.sql': 'create table half (id bigint);',
  });
  await assert.rejects(migrate(migrator.sql, folder), { name: 'MigrationError', message: /V9002__bad\.sql was edited/ });
});

test('a database that is ahead of this release is refused', async () => {
  await assert.rejects(migrate(migrator.sql, 'migrations'), { name: 'MigrationError', message: /9001 .*does not know/ });
});

test('a migration that comes before an applied one is refused', async () => {
  const file = (version: string) => ({ version, description: 'x', script: `V${version}__x.sql`, checksum: 1, text: '' });
  const applied = { ...file('5'), installed_rank: 1, installed_on: new Date(), execution_time: 1, success: true };
  assert.throws(() => planMigrations([file('4'), file('5')], [applied]), /V4__x\.sql comes before version 5/);
  assert.deepEqual(planMigrations([file('5'), file('6')], [applied]), [file('6')]);
});

test('a file that is not named as a migration, a version that stands twice and an empty folder are refused', async () => {
  await assert.rejects(readMigrations(folderWith({ 'V2__x.sql': '' })), /V2__x\.sql is not named/);
  await assert.rejects(readMigrations(folderWith({ 'V0001__again.sql': '' })), /version 1 stands twice/);
  await assert.rejects(readMigrations(mkdtempSync(join(tmpdir(), 'oauth2-migrations-'))), /no migration/);
});

const denied = { code: '42501' };

test('least privilege: the request path may not alter the schema', async () => {
  const { sql } = store.db;
  for (const statement of [
    'create table mine (id int)',
    'alter table clients add column mine int',
    'drop table clients',
    'truncate clients',
    'create index mine on clients (scope)',
    'create role mine',
    'alter role oauth2_api superuser',
    'set role oauth2_migrator',
    'create schema mine',
  ]) {
    await assert.rejects(sql.unsafe(statement), denied, statement);
  }
});

test('least privilege: the request path neither reads the audit log nor rewrites keys, accounts or history', async () => {
  const { sql } = store.db;
  for (const statement of [
    'select * from audit_log',
    'delete from audit_log',
    "update users set disabled_at = null, username = 'x'",
    "insert into users (username, password_hash) values ('x', 'x')",
    'delete from users',
    "update signing_keys set public_jwk = '{}'",
    "insert into signing_keys (kid, alg, public_jwk, state, created_at) values ('x', 'RS256', '{}', 'active', now())",
    'delete from flyway_schema_history',
    'delete from access_tokens',
    'delete from token_families',
    'select * from pg_authid',
  ]) {
    await assert.rejects(sql.unsafe(statement), denied, statement);
  }
});

test('least privilege: the procedures may not alter the schema or rewrite the audit log', async () => {
  const { sql } = store.open({ user: 'oauth2_operator' });
  for (const statement of [
    'create table mine (id int)',
    'drop table clients',
    'update audit_log set actor = null',
    'delete from audit_log',
  ]) {
    await assert.rejects(sql.unsafe(statement), denied, statement);
  }
});

test('least privilege: the role of the backups reads every table, a new partition too, and changes nothing', async () => {
  const { sql } = store.open({ user: 'oauth2_backup' });
  await migrator.sql`create table access_tokens_of_a_test partition of access_tokens for values from ('2199-01-01') to ('2199-01-02')`;
  const tables = await sql<{ name: string; readable: boolean }[]>`
    select oid::regclass::text as name, has_table_privilege(oid, 'select') as readable
    from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relowner = 'oauth2_migrator'::regrole`;
  assert.ok(tables.some(({ name }) => name === 'access_tokens_of_a_test'));
  assert.deepEqual(
    tables.filter(({ readable }) => !readable),
    [],
  );
  await sql`select count(*) from audit_log`;
  for (const statement of [
    'create table mine (id int)',
    'alter table clients add column mine int',
    'drop table clients',
    'truncate clients',
    'delete from clients',
    "update users set username = 'x'",
    "insert into users (username, password_hash) values ('x', 'x')",
    'delete from audit_log',
    'set role oauth2_migrator',
    'select * from pg_authid',
  ])
    await assert.rejects(
      sql.begin('read write', (transaction) => transaction.unsafe(statement)),
      denied,
      statement,
    );
});

test('the roles of functions end statements that outlive their function', async () => {
  for (const user of ['oauth2_api', 'oauth2_operator']) {
    const { sql } = store.open({ user });
    const [row] =
      await sql`select current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle`;
    assert.deepEqual({ ...row }, { statement: '4s', idle: '10s' });
  }
});

test('V0023: where an id was taken in under several keys, the first key stays', async () => {
  const { admin } = store;
  await admin`drop index ingested_events_event_id`;
  const [id, other] = ['7c9e6679-7425-40de-944b-e07fc1f90ae7', '7c9e6679-7425-40de-944b-e07fc1f90ae8'];
  const taken = [
    ['a', 'k1', id, 2],
    ['a', 'k2', id, 1],
    ['a', 'k3', id, 1],
    ['a', 'k4', other, 3],
    ['b', 'k1', id, 3],
  ] as const;
  for (const [client_id, key, event_id, second] of taken)
    await admin`insert into ingested_events values (${client_id}, ${key}, ${event_id}, ${new Date(second * 1000)})`;
  await admin.unsafe(readFileSync('migrations/V0023__ingested_event_ids.sql', 'utf8'));
  const rows = await admin`select client_id || ' ' || idempotency_key as kept from ingested_events order by 1`;
  assert.deepEqual(
    rows.map(({ kept }) => kept),
    ['a k2', 'a k4', 'b k1'],
  );
});
