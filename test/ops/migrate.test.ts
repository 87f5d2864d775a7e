/** Migrations as a procedure. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { migrate } from '../../lib/ops/migrate.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import type { Database } from '../../lib/store/database.ts';
import { listPartitions } from '../../lib/store/partitions.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
let directory: string;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'oauth2-migrations-'));
  cpSync(join(import.meta.dirname, '../../migrations'), directory, { recursive: true });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const patience = { lock_ms: 20, pause_ms: 1, within_ms: 100 };
const run = (order: object = { apply: true, reason: 'test' }, db: Database = bench.migrator) =>
  runProcedure(migrate, { db, directory, patience, ...clock }, { input: {}, ...order });

const add = (name: string, text: string) => writeFileSync(join(directory, name), text);

test('the plan names what is pending and changes nothing', async () => {
  add('V9001__a_table.sql', 'create table planned (id integer)');
  const { outcome, plan } = await run({});
  assert.equal(outcome, 'planned');
  assert.equal(plan.steps[0], 'apply V9001__a_table.sql');
  const [row] = await bench.migrator.sql`select to_regclass('planned') as name`;
  assert.equal(row?.name, null);
});

test('the plan wants a backup where there is something to lose, something pending, and a role to back it up as', async () => {
  assert.equal((await run({})).plan.backup_first, undefined);
  add('V9001__a_table.sql', 'create table planned (id integer)');
  assert.equal((await run({})).plan.backup_first, true);
  const empty = await bench.migrator.sql.begin(async (sql) => {
    await sql`alter table flyway_schema_history rename to other_history`;
    const db = { ...bench.migrator, sql: sql as unknown as Database['sql'], ask: bench.migrator.ask };
    const { plan } = await runProcedure(migrate, { db, directory, ...clock }, { input: {} });
    await sql`alter table other_history rename to flyway_schema_history`;
    return plan;
  });
  assert.equal(empty.backup_first, undefined);
});

test('a run makes two weeks of partitions; the next finds nothing to do', async () => {
  const first = await run();
  assert.equal(first.outcome, 'succeeded');
  assert.equal(first.result?.created_partitions, 14);
  assert.equal((await listPartitions(bench.migrator)).length, 15);
  const second = await run();
  assert.deepEqual(second.plan.steps, ['leave the schema, which is up to date']);
  assert.deepEqual([second.result?.applied, second.result?.created_partitions], [[], 0]);
});

test('of two at once one applies a file, both succeed, and the history has it once', async () => {
  add('V9002__slow.sql', 'create table slow (id integer); select pg_sleep(0.2)');
  const [one, other] = await Promise.all([run(), run({ apply: true }, bench.connect('oauth2_migrator'))]);
  assert.deepEqual([one.outcome, other.outcome], ['succeeded', 'succeeded']);
  assert.equal((one.result?.applied.length ?? 0) + (other.result?.applied.length ?? 0), 1);
  assert.equal((await bench.migrator.sql`select from flyway_schema_history where version = '9002'`).length, 1);
  assert.equal(one.result?.version, '9002');
});

test('a file that fails is rolled back as a whole, and the message names it and the reason', async () => {
  add('V9002__slow.sql', 'create table slow (id integer); select pg_sleep(0.2)');
  add('V9003__broken.sql', 'create table half (id integer); select nonsense');
  const { outcome, error } = await run();
  assert.equal(outcome, 'failed');
  assert.equal(error?.code, 'migration_failed');
  assert.match(error.message, /V9003__broken\.sql failed and was rolled back: column "nonsense" does not exist/);
  const [row] = await bench.migrator.sql`select to_regclass('half') as name`;
  assert.equal(row?.name, null);
  assert.equal((await readAuditLog(bench.migrator)).rows.at(-1)?.outcome, 'failed');
});

test('a file whose table is held all the time fails as busy, and the message says by whom', async () => {
  add('V9002__slow.sql', 'create table slow (id integer); select pg_sleep(0.2)');
  add('V9003__held_up.sql', 'alter table clients add column held_up text');
  const held = await bench.connect('oauth2_backup').sql.begin(async (sql) => {
    await sql`select count(*) from clients`;
    return run();
  });
  assert.deepEqual([held.outcome, held.error?.code], ['failed', 'busy']);
  assert.match(
    held.error?.message ?? '',
    /V9003__held_up\.sql was not applied: clients is in use by oauth2_backup .*: run it again/,
  );
});

test('an applied file that was edited, or that is gone, stops the run with what to do', async () => {
  add('V9002__slow.sql', 'create table other (id integer)');
  assert.match((await run()).error?.message ?? '', /V9002__slow\.sql was edited after it was applied/);
  rmSync(join(directory, 'V9002__slow.sql'));
  assert.match((await run()).error?.message ?? '', /does not know: deploy a newer one/);
});
