/** The end of blocks: who comes back, with what, and by whose hand. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { block } from '../../lib/ops/block.ts';
import { createClient } from '../../lib/ops/create-client.ts';
import { disableClient } from '../../lib/ops/disable-client.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { unblock } from '../../lib/ops/unblock.ts';
import { countEverything } from '../../lib/store/status.ts';
import { addFamily, addUser, clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
let client_id: string;
before(async () => {
  bench = await openWorkbench();
  const input = { client_name: 'shop', grant_types: ['client_credentials'] };
  const made = await runProcedure(createClient, { db: bench.operator, ...clock }, { input, apply: true, reason: 'a test' });
  client_id = made.result?.client_id ?? '';
});
after(() => bench.stop());

const acting = { apply: true, reason: 'cleaned up', actor: 'kim' };
const run = (input: object, order: object = acting) =>
  runProcedure(unblock, { db: bench.operator, ...clock }, { input, ...order });
const shutOut = (input: object) =>
  runProcedure(block, { db: bench.operator, ...clock }, { input: { why: 'test', ...input }, ...acting });

test('an account comes back without anything that was issued before', async () => {
  const subject = await addUser(bench.migrator, 'back');
  await addFamily(bench.migrator, { client_id, subject });
  await shutOut({ username: 'back' });
  // A token whose row the block had not come to when it was cut off.
  await bench.migrator.sql`update access_tokens set revoked_at = null`;
  await bench.migrator.sql`update token_families set revoked_at = null`;
  assert.deepEqual((await run({ username: 'back' }, {})).plan.steps, [
    'enable the account "back"; what was issued before stays revoked',
  ]);
  assert.deepEqual((await run({ username: 'back' })).result?.lifted, [`user ${subject}`]);
  const [row] = await bench.migrator.sql`select disabled_at from users where subject = ${subject}`;
  assert.equal(row?.disabled_at, null);
  assert.equal((await countEverything(bench.operator, new Date())).access_tokens, 0);
});

test('a client that disable-client disabled comes back, too; twice is once', async () => {
  const order = { input: { client_id }, ...acting };
  await runProcedure(disableClient, { db: bench.operator, ...clock }, order);
  assert.deepEqual((await run({ client_id })).result?.lifted, [`client ${client_id}`]);
  assert.deepEqual((await run({ client_id })).result?.lifted, []);
  const [row] = await bench.migrator.sql`select disabled_at from clients where client_id = ${client_id}`;
  assert.equal(row?.disabled_at, null);
});

test('on its schedule it lifts what is over and nothing else', async () => {
  await shutOut({ address: '203.0.113.0/24', seconds: 60 });
  await shutOut({ address: '2001:db8::/32' });
  assert.deepEqual((await run({})).result?.lifted, []);
  await bench.migrator.sql`update blocks set expires_at = now() - interval '1 second' where expires_at is not null`;
  assert.deepEqual((await run({})).result?.lifted, ['address 203.0.113.0/24']);
  const left = await bench.migrator.sql`select target from blocks`;
  assert.deepEqual([...left], [{ target: '2001:db8::/32' }]);
});

test('what is not there is named', async () => {
  assert.equal((await run({ client_id: 'nobody' })).error?.code, 'not_found');
  assert.deepEqual((await run({ address: '192.0.2.1' }, {})).plan.steps, [
    'leave the addresses 192.0.2.1/32 as it is: not blocked',
  ]);
});

test('of a client that was disabled before, the expired block goes and the client stays disabled; the plan says so', async () => {
  await runProcedure(disableClient, { db: bench.operator, ...clock }, { input: { client_id }, ...acting });
  await shutOut({ client_id, seconds: 60 });
  await bench.migrator.sql`update blocks set expires_at = now() - interval '1 second' where target = ${client_id}`;
  assert.deepEqual((await run({}, {})).plan.steps, [
    `remove the expired block; the client ${client_id} stays disabled, as it was before`,
  ]);
  await run({}, { ...acting, actor: 'schedule' });
  const [client] = await bench.migrator
    .sql`select disabled_at is not null as disabled from clients where client_id = ${client_id}`;
  assert.equal(client?.disabled, true);
  assert.equal((await bench.migrator.sql`select from blocks where target = ${client_id}`).length, 0);
});
