/** The procedure that turns maintenance mode on and off: its plan, twice, who is exempt, and what it leaves in the audit log. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from '../../lib/ops/create-client.ts';
import { maintenance } from '../../lib/ops/maintenance.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { DatabaseUnavailable } from '../../lib/store/database.ts';
import { isInMaintenance } from '../../lib/store/maintenance.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const run = (input: object, order: object = { apply: true, reason: 'test', actor: 'kim' }) =>
  runProcedure(maintenance, { db: bench.migrator, ...clock }, { input, ...order });

test('it says what it would do and does nothing; to act it wants to know which way, and why', async () => {
  const planned = await run({ on: true }, {});
  assert.match(planned.plan.steps.join('\n'), /^turn maintenance mode on\nend the database sessions/);
  assert.equal(await isInMaintenance(bench.operator), false);
  assert.match((await run({})).error?.message ?? '', /on is missing; allowed: true or false/);
  assert.equal((await run({ on: true }, { apply: true })).error?.code, 'reason_missing');
});

test('on, the sessions of endpoints may not write, open ones neither; procedures may; a second time changes nothing', async () => {
  const api = bench.connect('oauth2_api');
  const write = () => api.ask('write', api.sql`update throttles set failures = failures`);
  await write();
  const { result } = await run({ on: true });
  assert.deepEqual(result, { maintenance: 'on', was: 'off', ended_connections: 1 });
  await assert.rejects(
    write(),
    (error) => error instanceof DatabaseUnavailable && error.retry_after === 30 && /25006/.test(error.detail),
  );
  assert.equal(await isInMaintenance(api), true);
  const input = { grant_types: ['client_credentials'] };
  const made = await runProcedure(
    createClient,
    { db: bench.connect('oauth2_operator'), ...clock },
    { input, apply: true, reason: 'a test' },
  );
  assert.equal(made.outcome, 'succeeded', made.error?.message);
  assert.equal((await run({ on: true })).result?.was, 'on');
  assert.equal((await run({ on: false })).result?.maintenance, 'off');
  await write();
  assert.equal((await run({ on: false })).result?.was, 'off');
  const { rows } = await readAuditLog(bench.operator);
  const own = rows.filter(({ procedure }) => procedure === 'maintenance').map(({ detail }) => detail);
  assert.deepEqual(own.slice(-4), [
    'maintenance mode on, was off',
    'maintenance mode on, was on',
    'maintenance mode off, was on',
    'maintenance mode off, was off',
  ]);
});

test('two at once end in one state', async () => {
  const other = bench.connect('oauth2_migrator');
  const order = { input: { on: true }, apply: true, reason: 'test' };
  const [first, second] = await Promise.all([run({ on: true }), runProcedure(maintenance, { db: other, ...clock }, order)]);
  // Postgres lets one of two changes of the same setting fail; whoever is told so runs it again.
  assert.ok(first.outcome === 'succeeded' || second.outcome === 'succeeded');
  assert.equal(await isInMaintenance(bench.operator), true);
  await run({ on: false });
});
