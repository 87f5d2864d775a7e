/** The state of a stage at a glance. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { showStatus } from '../../lib/cli/show-status.ts';
import { createSigningKeys } from '../../lib/ops/create-signing-keys.ts';
import { migrate } from '../../lib/ops/migrate.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { findProblems, status } from '../../lib/ops/status.ts';
import { Unavailable } from '../../lib/protocol/errors.ts';
import type { PrivateKeyRing } from '../../lib/protocol/key-ring.ts';
import { insertAuditEntry } from '../../lib/store/audit-log.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { readMigrations } from '../../lib/store/migrate.ts';
import { whileLocked } from '../support/many-rows.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

const migrations = await readMigrations('migrations');

let bench: Workbench;
let ring: PrivateKeyRing | undefined;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const vault = {
  secret_id: 'secret',
  readKeyRing: async () => ring,
  writeKeyRing: async (_id: string, made: PrivateKeyRing) => {
    ring = made;
  },
};

const look = (db: Database = bench.operator, fields: object = {}) =>
  runProcedure(
    status,
    {
      db,
      ...clock,
      stage: 'test',
      issuer: 'https://issuer.example',
      release: 'r1',
      version: '1.2.3',
      schema_version: 1,
      ...vault,
      ...fields,
    },
    {},
  );

test('a stage without keys and partitions is not well, and each sentence says what to do', async () => {
  const { result } = await look();
  assert.equal(result?.healthy, false);
  assert.deepEqual(result.problems, [
    'the secret with the signing keys has no value yet: deploy, which creates the keys',
    'partitions of access_tokens are there for 0 days only: run purge-expired',
  ]);
});

test('a stage that was started is well; issuer, release, schema, keys and counts are shown, private keys are not', async () => {
  await runProcedure(migrate, { db: bench.migrator, ...clock, directory: 'migrations' }, { apply: true });
  await runProcedure(createSigningKeys, { db: bench.operator, ...clock, ...vault }, { apply: true });
  const { outcome, result } = await look();
  assert.equal(outcome, 'succeeded');
  assert.deepEqual(result?.problems, []);
  assert.equal(result.healthy, true);
  assert.deepEqual(
    [result.stage, result.issuer, result.release, result.version],
    ['test', 'https://issuer.example', 'r1', '1.2.3'],
  );
  assert.equal(Number(result.schema?.version), Number(migrations.at(-1)?.version));
  assert.equal(result.signing.secret, 'readable');
  assert.equal(result.signing.keys.filter(({ state }) => state === 'active').length, 2);
  assert.equal(result.counts?.clients, 0);
  assert.ok(!JSON.stringify(result).includes(String(ring?.keys.ES256.active.jwk.d)));
});

test('what cannot be counted in time is no complaint: the rest is told as ever', async () => {
  const hurried = bench.connect('oauth2_operator');
  await hurried.sql`set statement_timeout = '100ms'`;
  const { result } = await whileLocked(bench.connect('oauth2_migrator'), 'token_families', () => look(hurried));
  assert.deepEqual([result?.healthy, result?.problems, result?.database.reachable], [true, [], true]);
  assert.deepEqual(result?.counts, { clients: 0, users: 0, sessions: 0, families: null, access_tokens: null });
  assert.match(
    showStatus(JSON.parse(JSON.stringify(result)), { stage: 'local', advise: (step: string) => step }),
    /users +0\n.*\ntoken families +not counted in time\nactive tokens +not counted in time\n/,
  );
});

test('a database that is away is told, not thrown: it is what the question is about', async () => {
  const away = openDatabase({ host: '127.0.0.1', port: 1, database: 'x', user: 'x', tls: false, prepare: true, connections: 1 });
  const { outcome, result } = await look(away);
  assert.equal(outcome, 'succeeded');
  assert.equal(result?.database.reachable, false);
  assert.match(result.problems.join(), /the database cannot be reached/);
  assert.doesNotMatch(JSON.stringify(result), /ECONNREFUSED/);
  await away.end();
});

test('a secret that cannot be read, keys that are not published, an old schema and a failed schedule are named', async () => {
  const unreadable = async () => {
    throw new Unavailable('no', 'AccessDenied');
  };
  assert.match(
    (await look(bench.operator, { readKeyRing: unreadable })).result?.problems.join() ?? '',
    /cannot be read: look at its permissions/,
  );
  assert.match(
    (await look(bench.operator, { schema_version: 77 })).result?.problems.join() ?? '',
    /has version \d+, this release wants 77: run migrate/,
  );
  const entry = {
    actor: 'schedule',
    procedure: 'purge-expired',
    reason: null,
    plan: {},
    outcome: 'failed',
    detail: null,
  } as const;
  await insertAuditEntry(bench.operator, entry);
  await insertAuditEntry(bench.operator, { ...entry, actor: 'kim', procedure: 'create-user' });
  assert.match((await look()).result?.problems.join() ?? '', /^purge-expired failed at 20\d\d[^,]*$/);
  // Of what an operator tried and was refused, the operator was told.
  await insertAuditEntry(bench.operator, { ...entry, outcome: 'succeeded' });
  await insertAuditEntry(bench.operator, { ...entry, actor: 'kim@laptop' });
  assert.deepEqual((await look()).result?.problems, []);
  await bench.migrator.sql`truncate signing_keys`;
  assert.match((await look()).result?.problems.join() ?? '', /are not published: deploy, which publishes them/);
});

test('the last run of a schedule is told apart from runs by hand, and each schedule of a procedure from its others', async () => {
  const { sql } = bench.migrator;
  await sql`truncate audit_log`;
  const entry = { plan: {}, outcome: 'succeeded', detail: null, reason: 'scheduled', actor: 'schedule' } as const;
  await insertAuditEntry(bench.operator, { ...entry, procedure: 'purge-expired', outcome: 'failed' });
  await insertAuditEntry(bench.operator, { ...entry, procedure: 'purge-expired', actor: 'kim@laptop', reason: 'mended' });
  await insertAuditEntry(bench.operator, { ...entry, procedure: 'backup' });
  await insertAuditEntry(bench.operator, {
    ...entry,
    procedure: 'backup',
    reason: 'scheduled: backup-monthly',
    outcome: 'failed',
  });
  await insertAuditEntry(bench.operator, { ...entry, procedure: 'unblock', actor: 'kim@laptop' });
  const rotation = { ...entry, procedure: 'rotate-signing-keys', actor: 'secretsmanager' } as const;
  await insertAuditEntry(bench.operator, { ...rotation, reason: 'rotate-secret, version 1', outcome: 'failed' });
  await insertAuditEntry(bench.operator, { ...rotation, reason: 'rotate-secret, version 2' });
  const { scheduled_runs = [], last_runs = [] } = (await look()).result ?? {};
  assert.deepEqual(
    scheduled_runs.map(({ schedule, procedure, outcome }) => [schedule, procedure, outcome]),
    [
      ['backup', 'backup', 'succeeded'],
      ['backup-monthly', 'backup', 'failed'],
      ['purge-expired', 'purge-expired', 'failed'],
      ['rotate-signing-keys', 'rotate-signing-keys', 'succeeded'],
    ],
  );
  assert.equal(last_runs.find(({ procedure }) => procedure === 'purge-expired')?.outcome, 'succeeded');
});

test('without a database nothing else of it is complained about', () => {
  assert.deepEqual(findProblems(undefined, 'readable', ['kid'], 1), [
    'the database cannot be reached: look at its state, its proxy and its network',
  ]);
});
