/** The end of an account. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { disableUser } from '../../lib/ops/disable-user.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { countLiveTokens } from '../../lib/store/access-token-revocation.ts';
import { addFamilies, limitRows } from '../support/many-rows.ts';
import { addCode, addFamily, addSession, addUser, clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const later = () => new Date(Date.now() + 3_600_000);
const disable = (username: string, order: object = { apply: true, reason: 'test' }) =>
  runProcedure(disableUser, { db: bench.operator, ...clock }, { input: { username }, ...order });

test('sessions, families, codes and access tokens of the account end; those of others go on', async () => {
  const [subject, other] = [await addUser(bench.migrator, 'leaver'), await addUser(bench.migrator, 'stayer')];
  for (const one of [subject, other]) {
    await addSession(bench.migrator, { subject: one, expires_at: later() });
    await addFamily(bench.migrator, { client_id: 'c', subject: one });
  }
  await addCode(bench.migrator, { client_id: 'c', subject, expires_at: later() });
  const planned = await disable('Leaver', {});
  assert.deepEqual(planned.plan.steps, [
    'disable the account "leaver"',
    'end 1 session',
    'revoke 1 token family',
    'revoke 1 access token',
  ]);
  const { result } = await disable('Leaver');
  assert.equal(result?.subject, subject);
  assert.deepEqual([result?.ended_sessions, result?.revoked_families, result?.revoked_access_tokens], [1, 1, 1]);
  assert.equal(await countLiveTokens(bench.operator, { subject: other }, new Date()), 1);
  const open = await bench.operator.sql`select subject from sessions where ended_at is null`;
  assert.deepEqual([...open], [{ subject: other }]);
  const codes = await bench.migrator.sql`select from authorization_codes where redeemed_at is null`;
  assert.equal(codes.length, 0);
});

test('a second run finds nothing left to end', async () => {
  const { outcome, result } = await disable('leaver');
  assert.equal(outcome, 'succeeded');
  assert.deepEqual([result?.ended_sessions, result?.revoked_families, result?.revoked_access_tokens], [0, 0, 0]);
});

test('more sessions and families than a statement may change end batch by batch', async () => {
  const { sql } = bench.migrator;
  const subject = await addUser(bench.migrator, 'busy');
  await sql`
    insert into sessions (session_hash, session_id, subject, authenticated_at, expires_at)
    select sha256(n::text::bytea), gen_random_uuid(), ${subject}, now(), now() + interval '1 day' from generate_series(1, 2500) n`;
  await addFamilies(sql, { client_id: 'c', subject }, 2500);
  const lifts = [await limitRows(sql, 'sessions', 1000), await limitRows(sql, 'token_families', 1000)];
  const { outcome, result } = await disable('busy');
  for (const lift of lifts) await lift();
  assert.deepEqual([outcome, result?.ended_sessions, result?.revoked_families], ['succeeded', 2500, 2500]);
});

test('an account is disabled even where none of its sessions can be marked, and the next run marks them', async () => {
  const subject = await addUser(bench.migrator, 'stuck');
  await addSession(bench.migrator, { subject, expires_at: later() });
  const lift = await limitRows(bench.migrator.sql, 'sessions', 0);
  assert.match((await disable('stuck')).error?.message ?? '', /run it again/);
  await lift();
  const [row] = await bench.operator.sql`select disabled_at from users where subject = ${subject}`;
  assert.ok(row?.disabled_at);
  assert.equal((await disable('stuck')).result?.ended_sessions, 1);
});

test('it needs a reason and an account that exists', async () => {
  assert.equal((await disable('stayer', { apply: true })).error?.code, 'reason_missing');
  assert.match((await disable('nobody')).error?.message ?? '', /there is no account "nobody"; list-users shows/);
});
