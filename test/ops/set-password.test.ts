/** A new password for an account: what the one before has opened ends, and the account goes on. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { setPassword } from '../../lib/ops/set-password.ts';
import { verifyPassword } from '../../lib/protocol/password.ts';
import { takeDueNotices } from '../../lib/store/logout-notices.ts';
import { findSignIn } from '../../lib/store/users.ts';
import { addPerson, addShop } from './person.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
  await addShop(bench);
});
after(() => bench.stop());

const act = { apply: true, reason: 'it leaked', actor: 'op' };
const password = 'planted-password-4711';
const set = (username: string, order: object = act, input: object = {}) =>
  runProcedure(setPassword, { db: bench.operator, ...clock }, { input: { username, password, ...input }, ...order });

/** What is open of an account. */
async function openOf(subject: string): Promise<Record<string, unknown>> {
  const [row] = await bench.migrator.sql`
    select (select count(*)::integer from sessions where subject = ${subject} and ended_at is null) as sessions,
      (select count(*)::integer from token_families where subject = ${subject} and revoked_at is null) as families,
      (select count(*)::integer from authorization_codes where subject = ${subject} and redeemed_at is null) as codes,
      (select count(*)::integer from access_tokens where subject = ${subject} and revoked_at is null) as tokens,
      (select disabled_at is null from users where subject = ${subject}) as enabled`;
  return { ...row };
}

test('the plan says what ends, and changes nothing', async () => {
  const subject = await addPerson(bench, 'planner');
  const before = await findSignIn(bench.operator, 'planner', null);
  const { outcome, plan } = await set('Planner', {});
  assert.equal(outcome, 'planned');
  assert.deepEqual(plan.steps, [
    'give the account "planner" the new password',
    'end 1 session',
    'revoke 1 token family, of offline access too',
    'revoke 1 access token',
  ]);
  assert.deepEqual(await findSignIn(bench.operator, 'planner', null), before);
  assert.deepEqual(await openOf(subject), { sessions: 1, families: 1, codes: 1, tokens: 1, enabled: true });
});

test('the new password opens the account and the one before does not; what it has opened ends, that of others goes on', async () => {
  const [subject, other] = [await addPerson(bench, 'owner'), await addPerson(bench, 'stayer')];
  await set('owner', act, { password: 'the one of before' });
  const { result } = await set('owner');
  const account = await findSignIn(bench.operator, 'owner', null);
  assert.equal(await verifyPassword(password, account?.password_hash ?? ''), true);
  assert.equal(await verifyPassword('the one of before', account?.password_hash ?? ''), false);
  assert.equal(account?.password_changed_at.toISOString(), result?.password_changed_at);
  assert.deepEqual(await openOf(subject), { sessions: 0, families: 0, codes: 0, tokens: 0, enabled: true });
  assert.deepEqual(await openOf(other), { sessions: 1, families: 1, codes: 1, tokens: 1, enabled: true });
  const notices = await takeDueNotices(bench.operator, 10, new Date());
  assert.deepEqual(
    notices.map((notice) => [notice.subject, notice.client_id]),
    [[subject, 'shop']],
  );
});

test('by the subject too, and once more: nothing is left to end', async () => {
  const subject = await addPerson(bench, 'again');
  const counts = [];
  for (const username of [subject, subject]) {
    const { result } = await set(username);
    counts.push([result?.subject, result?.ended_sessions, result?.revoked_families, result?.revoked_access_tokens]);
  }
  assert.deepEqual(counts, [
    [subject, 1, 1, 1],
    [subject, 0, 0, 0],
  ]);
});

test('events tell of it, the audit log who did it and why; the password is nowhere', async () => {
  const subject = await addPerson(bench, 'maria.muster');
  bench.output.clear();
  const answers = [await set('maria.muster', {}), await set('maria.muster')];
  const events = await bench.migrator.sql`select type, data from events where subject = ${`users/${subject}`} order by sequence`;
  assert.deepEqual(
    events.map(({ type, data }) => [type, data.reason]),
    [
      ['user_password_changed', undefined],
      ['user_logout', 'password changed'],
      ['token_revoked', 'password changed'],
    ],
  );
  const { rows, text } = await readAuditLog(bench.migrator);
  assert.partialDeepStrictEqual(rows.at(-1), {
    actor: 'op',
    procedure: 'set-password',
    reason: 'it leaked',
    outcome: 'succeeded',
    detail: `account ${subject}: a new password; 1 sessions ended, 1 families and 1 access tokens revoked`,
  });
  const kept = text + bench.output.text() + JSON.stringify(events);
  assert.doesNotMatch(kept, /muster/);
  assert.ok(!(kept + JSON.stringify(answers)).includes(password));
});

test('a disabled account stays disabled, and the plan says so', async () => {
  const subject = await addPerson(bench, 'shut-out');
  await bench.migrator.sql`update users set disabled_at = '2026-01-01T00:00:00Z' where subject = ${subject}`;
  assert.equal((await set('shut-out', {})).plan.steps[1], 'leave it disabled, as it is since 2026-01-01T00:00:00.000Z');
  assert.equal((await set('shut-out')).outcome, 'succeeded');
  assert.equal((await openOf(subject)).enabled, false);
});

test('without its audit entry nothing of it happens', async () => {
  const subject = await addPerson(bench, 'unrecorded');
  const { sql } = bench.migrator;
  await sql`revoke insert on audit_log from oauth2_operator`;
  assert.equal((await set('unrecorded')).outcome, 'failed');
  await sql`grant insert on audit_log to oauth2_operator`;
  assert.deepEqual(await openOf(subject), { sessions: 1, families: 1, codes: 1, tokens: 1, enabled: true });
  assert.equal((await findSignIn(bench.operator, 'unrecorded', null))?.password_hash, 'none');
});

test('two at once leave one of the two passwords, and nothing open', async () => {
  const subject = await addPerson(bench, 'hasty');
  const passwords = ['the first of two', 'the other of two'];
  const [one, other] = [bench.connect('oauth2_operator'), bench.connect('oauth2_operator')];
  const answers = await Promise.all(
    [one, other].map((db, at) =>
      runProcedure(setPassword, { db, ...clock }, { input: { username: 'hasty', password: passwords[at] }, ...act }),
    ),
  );
  assert.deepEqual(
    answers.map(({ outcome }) => outcome),
    ['succeeded', 'succeeded'],
  );
  const { password_hash = '' } = (await findSignIn(bench.operator, 'hasty', null)) ?? {};
  const opens = await Promise.all(passwords.map((one_of) => verifyPassword(one_of, password_hash)));
  assert.deepEqual(opens.toSorted(), [false, true]);
  assert.deepEqual(await openOf(subject), { sessions: 0, families: 0, codes: 0, tokens: 0, enabled: true });
});

test('it needs a reason, an account that exists, and a password within bounds, which is never repeated', async () => {
  await addPerson(bench, 'kept');
  assert.equal((await set('kept', { apply: true })).error?.code, 'reason_missing');
  const unknown = await set('nobody');
  assert.equal(unknown.error?.code, 'not_found');
  assert.doesNotMatch(unknown.error?.message ?? '', /nobody/);
  for (const wrong of ['seven77', 'x'.repeat(1025), 12345678, undefined]) {
    const { error } = await set('kept', act, { password: wrong });
    assert.equal(error?.code, 'invalid_input');
    assert.doesNotMatch(error?.message ?? '', /seven77|xxxxx|12345678/);
  }
});
