/** What a backup is told of its snapshot, and the role that reads it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inSnapshot, listDumpedTables, readContents, type TableContents } from '../../lib/store/backup-contents.ts';
import { type Database, openDatabase, type Sql } from '../../lib/store/database.ts';
import { createPartition } from '../../lib/store/partitions.ts';
import { type TestDatabase, testDatabase } from '../support/postgres.ts';

let database: TestDatabase;
let owner: Database;
let backup: Database;
const open = (user: string) => {
  const { host, port, name } = database;
  return openDatabase({ host, port, database: name, user, tls: false, prepare: false, connections: 1 });
};
before(async () => {
  database = await testDatabase();
  owner = open('oauth2_migrator');
  backup = open('oauth2_backup');
});
after(async () => {
  await Promise.all([owner.end(), backup.end()]);
  await database.drop();
});

const contents = async (): Promise<Map<string, TableContents>> =>
  new Map((await backup.sql.begin((sql) => readContents(sql as unknown as Sql))).map((one) => [one.name, one]));

test('every table that a dump has is told, with its partitions as one, and none that a crash may empty', async () => {
  const names = await listDumpedTables(backup.sql);
  assert.ok(names.includes('clients') && names.includes('access_tokens') && names.includes('flyway_schema_history'));
  assert.deepEqual(
    names.filter((name) => name === 'throttles' || name.startsWith('access_tokens_')),
    [],
  );
  const day = new Date('2031-01-01T00:00:00.000Z');
  await createPartition(owner, day);
  await owner.sql`insert into access_tokens (jti, expires_at, issued_at, client_id) values (gen_random_uuid(), ${day}, ${day}, 'c')`;
  assert.equal((await contents()).get('access_tokens')?.rows, 1);
});

test('the role reads every table, those of later migrations too, and changes none', async () => {
  await owner.sql`create table of_a_later_release (id bigint generated always as identity)`;
  for (const [sql, may] of [
    [backup.sql`select 1 from of_a_later_release`, true],
    [backup.sql`select 1 from throttles`, true],
    [backup.sql`delete from of_a_later_release`, false],
    [backup.sql`insert into audit_log (actor, procedure, outcome) values ('a', 'b', 'failed')`, false],
    [backup.sql`create table own (id integer)`, false],
  ] as const)
    assert.equal(
      await sql.then(
        () => true,
        () => false,
      ),
      may,
    );
  // Not even where it says itself that it writes.
  const own = backup.sql.begin('read write', (sql) => sql`delete from clients`);
  await assert.rejects(own, { code: '42501' });
  const unread = await owner.sql<{ name: string }[]>`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'S')
      and not has_table_privilege('oauth2_backup', oid, 'select') and relkind <> 'S' or
      relnamespace = 'public'::regnamespace and relkind = 'S' and not has_sequence_privilege('oauth2_backup', oid, 'select')`;
  assert.deepEqual([...unread], []);
  await owner.sql`drop table of_a_later_release`;
});

test('the digest is that of the rows: it knows no order, and every change', async () => {
  const none = (await contents()).get('clients');
  const insert = (id: string) =>
    owner.sql`insert into clients (client_id, token_endpoint_auth_method, metadata, created_at, updated_at)
      values (${id}, 'none', '{"b": 1, "a": [1.50]}', '2026-01-01T00:00:00+02:00', '2026-01-01T00:00:00Z')`;
  await insert('one');
  await insert('other');
  const both = (await contents()).get('clients');
  assert.deepEqual([none?.rows, both?.rows], [0, 2]);
  assert.match(both?.digest ?? '', /^[0-9a-f]{32}$/);
  await owner.sql`delete from clients`;
  assert.deepEqual((await contents()).get('clients'), none);
  await insert('other');
  await insert('one');
  assert.deepEqual((await contents()).get('clients'), both);
  await owner.sql`update clients set scope = 'read' where client_id = 'one'`;
  assert.notEqual((await contents()).get('clients')?.digest, both?.digest);
});

test('the digest does not depend on how the session writes dates and numbers', async () => {
  const before = (await contents()).get('clients');
  const other = await backup.sql.begin(async (sql) => {
    await sql`select set_config('timezone', 'Asia/Tokyo', false), set_config('datestyle', 'German', false), set_config('bytea_output', 'escape', false)`;
    return readContents(sql as unknown as Sql);
  });
  assert.deepEqual(
    other.find(({ name }) => name === 'clients'),
    before,
  );
});

test('what is committed after the snapshot is not in it, and its id opens the same one elsewhere', async () => {
  const seen = await inSnapshot(backup, async ({ id, sql, schema_version, postgres_version }) => {
    await owner.sql`insert into audit_log (actor, procedure, outcome) values ('late', 'test', 'succeeded')`;
    const other = open('oauth2_backup');
    const elsewhere = await other.sql
      .begin(async (transaction) => {
        await transaction`set transaction isolation level repeatable read, read only`;
        await transaction.unsafe(`set transaction snapshot '${id}'`);
        return (await transaction`select 1 from audit_log where actor = 'late'`).length;
      })
      .finally(() => other.end());
    const own = (await sql`select 1 from audit_log where actor = 'late'`).length;
    return { own, elsewhere, major: Number.parseInt(postgres_version, 10), schema: Number(schema_version) };
  });
  assert.deepEqual([seen?.own, seen?.elsewhere, seen?.major], [0, 0, 17]);
  assert.ok(Number(seen?.schema) >= 11);
});
