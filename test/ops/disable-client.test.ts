/** The end of a client. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createClient } from '../../lib/ops/create-client.ts';
import { disableClient } from '../../lib/ops/disable-client.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { countLiveTokens } from '../../lib/store/access-token-revocation.ts';
import { addFamilies, limitRows, whileLocked } from '../support/many-rows.ts';
import { addCode, addFamily, addToken, addUser, clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

async function makeClient(): Promise<string> {
  const input = { client_name: 'doomed', grant_types: ['client_credentials'] };
  const { result } = await runProcedure(createClient, { db: bench.operator, ...clock }, { input, apply: true, reason: 'a test' });
  return result?.client_id ?? '';
}

const disable = (client_id: string, order: object = { apply: true, reason: 'test' }) =>
  runProcedure(disableClient, { db: bench.operator, ...clock }, { input: { client_id }, ...order });

test('it needs a reason to act, and shows what it would revoke', async () => {
  const client_id = await makeClient();
  await addToken(bench.migrator, { client_id });
  const planned = await disable(client_id, {});
  assert.deepEqual(planned.plan.steps, [
    `disable the client ${client_id} "doomed"`,
    'revoke 0 token families',
    'revoke 1 access token',
  ]);
  const refused = await disable(client_id, { apply: true });
  assert.equal(refused.error?.code, 'reason_missing');
  const [row] = await bench.operator.sql`select disabled_at from clients where client_id = ${client_id}`;
  assert.equal(row?.disabled_at, null);
});

test('families, access tokens and codes of the client end; those of others go on', async () => {
  const [client_id, other] = [await makeClient(), await makeClient()];
  const subject = await addUser(bench.migrator);
  await addFamily(bench.migrator, { client_id, subject });
  await addFamily(bench.migrator, { client_id: other, subject });
  await addToken(bench.migrator, { client_id });
  await addCode(bench.migrator, { client_id, subject, expires_at: new Date(Date.now() + 60_000) });
  const { result } = await disable(client_id);
  assert.equal(result?.revoked_families, 1);
  assert.equal(result?.revoked_access_tokens, 2);
  assert.equal(await countLiveTokens(bench.operator, { client_id }, new Date()), 0);
  assert.equal(await countLiveTokens(bench.operator, { client_id: other }, new Date()), 1);
  const codes = await bench.operator.sql`select from authorization_codes where client_id = ${client_id} and redeemed_at is null`;
  assert.equal(codes.length, 0);
  const [family] = await bench.operator.sql`select revoked_because from token_families where client_id = ${client_id}`;
  assert.equal(family?.revoked_because, 'client disabled');
});

test('more families than a statement may change end batch by batch, each with its event', async () => {
  const client_id = await makeClient();
  await addFamilies(bench.migrator.sql, { client_id, subject: await addUser(bench.migrator) }, 2500);
  const lift = await limitRows(bench.migrator.sql, 'token_families', 1000);
  const { outcome, result } = await disable(client_id);
  await lift();
  assert.deepEqual([outcome, result?.revoked_families], ['succeeded', 2500]);
  const [left] = await bench.migrator.sql`
    select (select count(*)::integer from token_families where client_id = ${client_id} and revoked_at is null) as families,
      (select count(*)::integer from events where type = 'token_revoked' and data->>'client_id' = ${client_id}) as events`;
  assert.deepEqual({ ...left }, { families: 0, events: 2500 });
});

test('a client is disabled even where none of its families can be marked, and the next run marks them', async () => {
  const client_id = await makeClient();
  await addFamilies(bench.migrator.sql, { client_id, subject: await addUser(bench.migrator) }, 3);
  const lift = await limitRows(bench.migrator.sql, 'token_families', 0);
  assert.match((await disable(client_id)).error?.message ?? '', /run it again/);
  await lift();
  const [row] = await bench.operator.sql`select disabled_at from clients where client_id = ${client_id}`;
  assert.ok(row?.disabled_at);
  assert.equal((await disable(client_id)).result?.revoked_families, 3);
});

test('families that are too many to be counted in time keep no client from being disabled', async () => {
  const client_id = await makeClient();
  const hurried = bench.connect('oauth2_operator');
  await hurried.sql`set statement_timeout = '100ms'`;
  const planned = await whileLocked(bench.connect('oauth2_migrator'), 'token_families', () =>
    runProcedure(disableClient, { db: hurried, ...clock }, { input: { client_id } }),
  );
  assert.equal(planned.plan.steps[1], 'revoke the token families (too many to count in time)');
});

test('a second run keeps the first date and revokes what came in between', async () => {
  const client_id = await makeClient();
  const first = await disable(client_id);
  await addToken(bench.migrator, { client_id });
  const second = await disable(client_id);
  assert.equal(second.result?.disabled_at, first.result?.disabled_at);
  assert.equal(second.result?.revoked_access_tokens, 1);
  assert.match(second.plan.steps[0] ?? '', /leave the client .* disabled, as it is since/);
});

test('two at once both succeed, and each token is revoked once', async () => {
  const client_id = await makeClient();
  for (let index = 0; index < 30; index++) await addToken(bench.migrator, { client_id });
  const order = { input: { client_id }, apply: true, reason: 'race' };
  const runs = await Promise.all(
    [bench.operator, bench.connect('oauth2_operator')].map((db) => runProcedure(disableClient, { db, ...clock }, order)),
  );
  assert.deepEqual(
    runs.map(({ outcome }) => outcome),
    ['succeeded', 'succeeded'],
  );
  assert.equal(
    runs.reduce((sum, { result }) => sum + (result?.revoked_access_tokens ?? 0), 0),
    30,
  );
});

test('an unknown client is refused with what to do', async () => {
  const { error } = await disable(randomUUID());
  assert.equal(error?.code, 'not_found');
  assert.match(error.message, /list-clients shows/);
});
