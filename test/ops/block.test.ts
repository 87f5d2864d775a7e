/** Blocks of clients, accounts and addresses: what they ask for, what they end, and that they can be run again. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { block } from '../../lib/ops/block.ts';
import { createClient } from '../../lib/ops/create-client.ts';
import { disableClient } from '../../lib/ops/disable-client.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { unblock } from '../../lib/ops/unblock.ts';
import { DatabaseUnavailable } from '../../lib/store/database.ts';
import { addFamily, addUser, clock, clockAt, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const acting = { apply: true, reason: 'it guesses', actor: 'kim' };
const why = 'it guesses';
const run = (input: object, order: object = acting) =>
  runProcedure(block, { db: bench.operator, ...clock }, { input: { why, ...input }, ...order });
async function addClient(): Promise<string> {
  const input = { client_name: 'shop', grant_types: ['client_credentials'] };
  const made = await runProcedure(createClient, { db: bench.operator, ...clock }, { input, apply: true, reason: 'a test' });
  return made.result?.client_id ?? '';
}
const isDisabled = async (client_id: string) =>
  (await bench.migrator.sql`select disabled_at from clients where client_id = ${client_id}`)[0]?.disabled_at !== null;

test('it wants one target that it knows, a range that is not the internet, and a reason', async () => {
  const wrong: [object, string, RegExp][] = [
    [{}, 'invalid_input', /nothing says whom; allowed: one of client_id, username, address/],
    [{ client_id: 'a', address: '10.0.0.1' }, 'invalid_input', /more than one member says whom/],
    [{ client_id: 'nobody' }, 'not_found', /there is no client "nobody"/],
    [{ username: 'nobody' }, 'not_found', /there is no account "nobody"/],
    [{ address: 'nowhere' }, 'invalid_input', /allowed: an IPv4 or IPv6 address or a range/],
    [{ address: '0.0.0.0/0' }, 'invalid_input', /allowed: ranges of \/8 and smaller/],
    [{ address: '::/0' }, 'invalid_input', /allowed: ranges of \/19 and smaller/],
    [{ address: '10.0.0.1', seconds: 5 }, 'invalid_input', /seconds is 5; allowed: a whole number from 60/],
  ];
  for (const [input, code, message] of wrong) {
    const { error } = await run(input);
    assert.equal(error?.code, code, JSON.stringify(input));
    assert.match(error?.message ?? '', message);
  }
  assert.equal((await run({ address: '10.0.0.1' }, { apply: true })).error?.code, 'reason_missing');
});

test('the plan says what it would do and changes nothing; twice is once', async () => {
  const planned = await run({ address: '198.51.100.9/24', seconds: 3600 }, {});
  assert.deepEqual(planned.plan.steps, [
    'block the addresses 198.51.100.0/24 for 3600 seconds: requests from there are answered 403 within 30 seconds, before anything is done with them',
  ]);
  assert.equal((await bench.migrator.sql`select from blocks`).length, 0);
  await run({ address: '198.51.100.0/24', seconds: 3600 });
  const again = await run({ address: '198.51.100.77/24' });
  assert.equal(again.result?.expires_at, null);
  const rows = await bench.migrator.sql`select target, expires_at from blocks`;
  assert.deepEqual([...rows], [{ target: '198.51.100.0/24', expires_at: null }]);
});

test('an account is signed out and disabled, with its tokens', async () => {
  const subject = await addUser(bench.migrator, 'mallory');
  await addFamily(bench.migrator, { client_id: await addClient(), subject });
  const { result } = await run({ username: 'Mallory' });
  assert.deepEqual([result?.revoked_families, result?.revoked_access_tokens], [1, 1]);
  const [row] = await bench.migrator.sql`select disabled_at from users where subject = ${subject}`;
  assert.ok(row?.disabled_at);
  assert.match(String((await readAuditLog(bench.migrator)).rows.at(-1)?.detail), /^user .* blocked until lifted: 1 families/);
});

test('cut off before the client is disabled and run again, it is whole, and its end lets the client in', async () => {
  const client_id = await addClient();
  const { operator } = bench;
  const cut = {
    get sql() {
      return operator.sql;
    },
    events: operator.events,
    replace: operator.replace,
    end: operator.end,
    ask: (question: string, query: never) =>
      question === 'disable-client'
        ? Promise.reject(new DatabaseUnavailable(question, 'cut off'))
        : operator.ask(question, query),
  } as typeof operator;
  const first = await runProcedure(block, { db: cut, ...clock }, { input: { client_id, seconds: 60, why }, ...acting });
  assert.match(first.error?.message ?? '', /run it again/);
  assert.equal(await isDisabled(client_id), false);
  // Nothing tells that it is shut out.
  assert.equal((await bench.migrator.sql`select from blocks where target = ${client_id}`).length, 0);
  await run({ client_id, seconds: 60 });
  assert.equal(await isDisabled(client_id), true);
  const later = clockAt(new Date(Date.now() + 120_000));
  const { result } = await runProcedure(unblock, { db: operator, ...later }, { ...acting, actor: 'schedule' });
  assert.deepEqual(result?.lifted, [`client ${client_id}`]);
  assert.equal(await isDisabled(client_id), false);
});

test('who was disabled before the block, or is disabled for good while it runs, stays so at its end', async () => {
  const [earlier, later] = [await addClient(), await addClient()];
  const disable = (client_id: string) =>
    runProcedure(
      disableClient,
      { db: bench.operator, ...clockAt(new Date(Date.now() + 1000)) },
      { ...acting, input: { client_id } },
    );
  await disable(earlier);
  for (const client_id of [earlier, later]) await run({ client_id, seconds: 60 });
  await disable(later);
  await runProcedure(unblock, { db: bench.operator, ...clockAt(new Date(Date.now() + 120_000)) }, acting);
  assert.equal((await bench.migrator.sql`select from blocks where kind = 'client'`).length, 0);
  for (const client_id of [earlier, later]) assert.equal(await isDisabled(client_id), true);
});
