/** Where the migrations stand: history, pending ones, and the state that a failed one left. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { migrate } from '../../lib/ops/migrate.ts';
import { migrationStatus } from '../../lib/ops/migration-status.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { openDatabase } from '../../lib/store/database.ts';
import { readMigrations } from '../../lib/store/migrate.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

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

const look = async () => {
  const { outcome, result, next } = await runProcedure(migrationStatus, { db: bench.operator, directory, ...clock }, {});
  assert.equal(outcome, 'succeeded');
  return { ...(result as NonNullable<typeof result>), next };
};
const apply = () =>
  runProcedure(migrate, { db: bench.migrator, directory, ...clock }, { apply: true, reason: 'test', actor: 'kim' });
const add = (name: string, text: string) => writeFileSync(join(directory, name), text);

test('the last five of the history are shown, newest first, to a role that may alter nothing', async () => {
  const { state, history, pending } = await look();
  const files = await readMigrations(directory);
  assert.equal(state, 'up to date');
  assert.deepEqual(pending, []);
  assert.deepEqual(
    history.map(({ version, description, success }) => [version, description, success]),
    files
      .slice(-5)
      .toReversed()
      .map(({ version, description }) => [version, description, true]),
  );
  assert.ok(history[0]?.installed_on instanceof Date && Math.abs(Date.now() - history[0].installed_on.getTime()) < 3_600_000);
  assert.equal(history[0]?.installed_rank, files.length);
});

test('what this release brings and the database lacks is pending, in its order', async () => {
  add('V9001__one.sql', 'select 1');
  add('V9002__two.sql', 'select 1');
  const { state, pending } = await look();
  assert.equal(state, 'pending');
  assert.deepEqual(
    pending.map(({ script }) => script),
    ['V9001__one.sql', 'V9002__two.sql'],
  );
});

test('a migration that failed is told with its reason, what it left and the way forward; mended, it is over', async () => {
  add('V9001__broken.sql', 'create table half (id integer); select nonsense');
  assert.equal((await apply()).outcome, 'failed');
  const failed = await look();
  assert.equal(failed.state, 'failed');
  assert.match(failed.explanation, /V9001__broken\.sql failed and was rolled back: column "nonsense" does not exist/);
  assert.deepEqual([failed.last_run?.outcome, failed.last_run?.actor], ['failed', 'kim']);
  assert.match(failed.next?.join() ?? '', /mend the file.*nothing to restore/);
  add('V9001__broken.sql', 'create table half (id integer)');
  assert.equal((await apply()).outcome, 'succeeded');
  assert.equal((await look()).state, 'up to date');
});

test('files and history that contradict each other are told, not thrown', async () => {
  assert.match((await look()).explanation, /the database has version 9001 .* does not know: deploy a newer one/);
  add('V9001__broken.sql', 'create table other (id integer)');
  const { state, explanation } = await look();
  assert.deepEqual([state, /was edited after it was applied/.test(explanation)], ['contradicted', true]);
});

test('a database that is away is retryable', async () => {
  const db = openDatabase({ host: '127.0.0.1', port: 1, database: 'x', user: 'x', tls: false, prepare: true, connections: 1 });
  const { error } = await runProcedure(migrationStatus, { db, directory, ...clock }, {});
  assert.equal(error?.code, 'temporarily_unavailable');
  await db.end();
});
