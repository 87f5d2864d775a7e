/** Backups, where they cannot be taken: programs that are missing, too old or fail. What they are when they can: test/drills/backup.test.ts. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { backup, takeBackupInTime } from '../../lib/ops/backup.ts';
import type { ProgramPlace } from '../../lib/ops/postgres-programs.ts';
import { runProcedure, serveProcedure } from '../../lib/ops/procedure.ts';
import { inSnapshot } from '../../lib/store/backup-contents.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { openBucket, type TestBucket, writePrograms } from '../support/backups.ts';
import { openRelay } from '../support/relay.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
let bucket: TestBucket;
before(async () => {
  bench = await openWorkbench();
  bucket = await openBucket();
});
after(async () => {
  await bench.stop();
  await bucket.close();
});

const major = 17;

function toolsWith(programs: ProgramPlace) {
  const { host, port, name: database } = bench.database;
  const connection = { host, port, database, user: 'oauth2_backup', tls: false, ca_file: '' };
  const source = bench.connect('oauth2_backup');
  return {
    db: bench.operator,
    ...clock,
    source,
    connection,
    programs,
    storage: bucket.storage,
    stage: 'test',
    release: 'r',
    beside: (there: string, at: number) => ({ source, connection: { ...connection, host: there, port: at } }),
  };
}

const run = (programs: ProgramPlace, order: object = {}) =>
  runProcedure(backup, toolsWith(programs), { input: {}, apply: true, reason: 'why', actor: 'test', ...order });

test('the plan says what is done and changes nothing', async () => {
  const { outcome, plan } = await run({ folder: '/nowhere', path: '' }, { apply: false, input: { kind: 'monthly' } });
  assert.equal(outcome, 'planned');
  assert.match(plan.steps.join(), /monthly: kept for years/);
  assert.deepEqual(await bucket.storage.list(), []);
});

test('a kind that there is not is refused', async () => {
  const { error } = await run({ folder: '', path: '' }, { input: { kind: 'weekly' } });
  assert.match(String(error?.message), /kind is "weekly"; allowed: daily, monthly, manual, deploy, safety, rewound/);
});

test('without pg_dump, or with one that is older than the server, one line says what to install, and the audit log has it', async () => {
  const none = await run({ folder: '', path: '/nowhere' });
  assert.equal(none.error?.code, 'programs_missing');
  assert.match(
    String(none.error?.message),
    /^there is no pg_dump on the PATH \(\/nowhere\): install the PostgreSQL 17 client programs .* OAUTH2_POSTGRES_PROGRAMS$/,
  );
  const old = await run(writePrograms(join(bucket.folder, 'old'), '15.6', { pg_dump: 'exit 1' }));
  assert.match(String(old.error?.message), /^pg_dump in .*old is of version 15, the server 17: install/);
  const { rows } = await readAuditLog(bench.operator);
  assert.deepEqual(
    rows.slice(-2).map(({ procedure, outcome }) => [procedure, outcome]),
    [
      ['backup', 'failed'],
      ['backup', 'failed'],
    ],
  );
});

test('a pg_dump that fails half-way leaves nothing in the bucket, and what it said is told', async () => {
  const script = 'head -c 40000000 /dev/zero; echo "pg_dump: error: server closed the connection" >&2; exit 1';
  const { error } = await run(writePrograms(join(bucket.folder, 'failing'), `${major}.0`, { pg_dump: script }));
  assert.deepEqual([error?.code, error?.message], ['program_failed', 'pg_dump: pg_dump: error: server closed the connection']);
  assert.deepEqual(await bucket.storage.list(), []);
});

test('what cannot be listed is no backup: it has no manifest', async () => {
  const scripts = { pg_dump: 'echo rubbish', pg_restore: 'cat >/dev/null; echo "not a dump" >&2; exit 1' };
  const { error } = await run(writePrograms(join(bucket.folder, 'rubbish'), `${major}.0`, scripts));
  assert.equal(error?.code, 'program_failed');
  assert.deepEqual(
    (await bucket.storage.list()).map(({ complete }) => complete),
    [false],
  );
});

test('two at once: one waits for nobody and says so', async () => {
  const other = bench.connect('oauth2_backup');
  await inSnapshot(other, async () => {
    const { error } = await run({ folder: '/nowhere', path: '' });
    assert.equal(error?.code, 'under_way');
    // By this name the state machine of a restore tells it from what it goes on without.
    const order = { input: { kind: 'safety' }, apply: true, reason: 'why', raises: true };
    const handler = serveProcedure(backup, toolsWith({ folder: '/nowhere', path: '' }));
    await assert.rejects(handler(order), { name: 'under_way', message: /^backup: another backup is under way/ });
  });
});

test('a database that is away is not a failed dump', async () => {
  const source = openDatabase({
    host: '127.0.0.1',
    port: 9,
    database: 'none',
    user: 'oauth2_backup',
    tls: false,
    prepare: false,
    connections: 1,
  });
  const tools = { ...toolsWith({ folder: '', path: '' }), source };
  const { error } = await runProcedure(backup, tools, { input: {}, apply: true, reason: 'why', actor: 'test' });
  assert.equal(error?.code, 'temporarily_unavailable');
  await source.end();
});

/** Keeps everybody from a table while the work lasts. */
const withLock = (table: string, work: () => Promise<void>) =>
  bench.connect('oauth2_migrator').sql.begin(async (sql) => {
    await sql`lock table ${sql(table)} in access exclusive mode`;
    await work();
  });

test('a database that does not give a snapshot within seconds is not waited for', async () => {
  await withLock('flyway_schema_history', async () => {
    const { error } = await run({ folder: '/nowhere', path: '' });
    assert.equal(error?.code, 'temporarily_unavailable');
  });
});

/** Waits until the tables are read, and one of them is not to be had. */
async function untilReading(): Promise<void> {
  const waiting = () => bench.migrator.sql`select from pg_locks where not granted and relation = 'clients'::regclass`;
  while ((await waiting()).length === 0);
}

test('a table that is not read in time ends the backup as too slow', async () => {
  const programs = writePrograms(join(bucket.folder, 'quick'), `${major}.0`, { pg_dump: 'echo quick' });
  await withLock('clients', async () => {
    await assert.rejects(takeBackupInTime(toolsWith(programs), 'manual', undefined, 1), {
      code: 'too_slow',
      message: /^the dump took longer than 1 s/,
    });
  });
});

test('a database that answers no more while its tables are read is away, and not slow', async () => {
  const relay = await openRelay(bench.database);
  const source: Database = openDatabase({
    host: '127.0.0.1',
    port: relay.port,
    database: bench.database.name,
    user: 'oauth2_backup',
    tls: false,
    prepare: false,
    connections: 1,
  });
  const programs = writePrograms(join(bucket.folder, 'quick'), `${major}.0`, { pg_dump: 'echo quick' });
  await withLock('clients', async () => {
    const taken = takeBackupInTime({ ...toolsWith(programs), source }, 'manual', undefined, 2);
    const ended = assert.rejects(taken, { name: 'DatabaseUnavailable' });
    await untilReading();
    relay.silence(true);
    await ended;
  });
  await source.end();
  relay.close();
});

test('no error of a program tells the password', async () => {
  const programs = writePrograms(join(bucket.folder, 'telling'), `${major}.0`, { pg_dump: 'echo "$*" >&2; exit 1' });
  const tools = toolsWith(programs);
  const connection = { ...tools.connection, password: async () => 'a-secret-token' };
  bench.output.clear();
  const { error } = await runProcedure(
    backup,
    { ...tools, connection },
    { input: {}, apply: true, reason: 'why', actor: 'test' },
  );
  assert.match(String(error?.message), /--username=oauth2_backup/);
  assert.doesNotMatch(`${error?.message} ${bench.output.text()}`, /a-secret-token/);
});
