/** An account is deleted with what is stored of the person, after everything that lives of it has ended. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deleteUser } from '../../lib/ops/delete-user.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import type { Database } from '../../lib/store/database.ts';
import { takeDueNotices } from '../../lib/store/logout-notices.ts';
import { addPerson, addShop } from './person.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
  await addShop(bench);
});
after(() => bench.stop());

const act = { apply: true, reason: 'request of the person', actor: 'op' };
const deletions = (subject: string) =>
  bench.migrator.sql`select from events where type = 'user_deleted' and subject = ${`users/${subject}`}`;
const deleting = (username: string, order: object = act) =>
  runProcedure(deleteUser, { db: bench.operator, ...clock }, { input: { username }, ...order });

test('a deleted account leaves with its sessions, devices, consents and blocks; its tokens end, an event tells, and others stay', async () => {
  const [subject, other] = [await addPerson(bench, 'leaver'), await addPerson(bench, 'stayer')];
  const { plan } = await deleting('leaver', { apply: false });
  assert.match(plan.steps.join(), new RegExp(`of the account ${subject}, of .* \\(1 access token\\)`));
  const { result } = await deleting('leaver');
  assert.deepEqual(
    [result?.subject, result?.ended_sessions, result?.revoked_families, result?.revoked_access_tokens],
    [subject, 1, 1, 1],
  );
  const { sql } = bench.migrator;
  const [found] = await sql`
    select (select array_agg(username) from users where subject in (${subject}, ${other})) as users,
      (select count(*)::integer from sessions where subject = ${subject}) + (select count(*)::integer from grants where subject = ${subject})
        + (select count(*)::integer from authorization_codes where subject = ${subject} and redeemed_at is null)
        + (select count(*)::integer from devices where subject = ${subject}) + (select count(*)::integer from blocks where target = ${subject}) as rest,
      (select count(*)::integer from token_families where subject = ${subject} and revoked_at is null) as families,
      (select count(*)::integer from sessions where subject = ${other} and ended_at is null) as others,
      (select data ->> 'user_id' from events where type = 'user_deleted') as told`;
  assert.deepEqual({ ...found }, { users: ['stayer'], rest: 0, families: 0, others: 1, told: subject });
  const { rows } = await readAuditLog(bench.migrator);
  assert.doesNotMatch(bench.output.text() + JSON.stringify(rows), /leaver/);
});

test('clients that it was signed in at are told that the session ended', async () => {
  const subject = await addPerson(bench, 'signed-in');
  await deleting('signed-in');
  const notices = await takeDueNotices(bench.operator, 10, new Date());
  assert.deepEqual(
    notices.filter((notice) => notice.subject === subject).map(({ client_id, uri }) => [client_id, uri]),
    [['shop', 'https://shop.example/logout']],
  );
});

test('once more: the name is not known any more, and the subject says when it was deleted; nothing is recorded twice', async () => {
  const again = await deleting('leaver');
  assert.deepEqual([again.error?.code, again.outcome], ['not_found', 'failed']);
  assert.doesNotMatch(String(again.error?.message), /leaver/);
  const subject = await addPerson(bench, 'by-subject');
  const { result: first } = await deleting(subject.toUpperCase());
  assert.equal(first?.subject, subject);
  const planned = await deleting(subject, { apply: false });
  assert.match(planned.plan.steps.join(), new RegExp(`^leave everything as it is: the account ${subject} was deleted at `));
  for (const _ of [1, 2]) {
    const { outcome, result } = await deleting(subject);
    assert.deepEqual([outcome, result?.ended_sessions], ['succeeded', 0]);
    const apart = Date.parse(result?.deleted_at ?? '') - Date.parse(first?.deleted_at ?? '');
    assert.ok(apart >= 0 && apart < 60_000, `${apart} ms`);
  }
  assert.equal((await deletions(subject)).length, 1);
});

test('of two at once one deletes it, and the other finds that it is done', async () => {
  const subject = await addPerson(bench, 'racer');
  const run = (db: Database) => runProcedure(deleteUser, { db, ...clock }, { ...act, input: { username: 'racer' } });
  const answers = await Promise.all([run(bench.operator), run(bench.connect('oauth2_operator'))]);
  // Whoever looked after the other had committed does not know the name.
  const late = answers.filter(({ outcome, error }) => outcome === 'failed' && error?.code === 'not_found');
  assert.deepEqual(
    answers.filter((answer) => !late.includes(answer)).map(({ outcome }) => outcome),
    Array(2 - late.length).fill('succeeded'),
  );
  assert.equal(
    answers.reduce((sum, { result }) => sum + (result?.ended_sessions ?? 0), 0),
    1,
  );
  assert.equal((await deletions(subject)).length, 1);
});

test('all of it is one transaction: without its audit entry the account is as it was', async () => {
  const subject = await addPerson(bench, 'kept');
  await bench.migrator.sql`alter table audit_log add constraint nobody check (actor <> 'nobody')`;
  assert.equal((await deleting('kept', { ...act, actor: 'nobody' })).outcome, 'failed');
  await bench.migrator.sql`alter table audit_log drop constraint nobody`;
  const [found] = await bench.migrator.sql`
    select disabled_at is null as enabled, (select count(*)::integer from sessions s where s.subject = u.subject and ended_at is null) as sessions,
      (select count(*)::integer from token_families f where f.subject = u.subject and revoked_at is null) as families
    from users u where subject = ${subject}`;
  assert.deepEqual({ ...found }, { enabled: true, sessions: 1, families: 1 });
});

test('one that was disabled before is deleted; bad input and a database that is away are told', async () => {
  const subject = await addPerson(bench, 'half');
  await bench.migrator.sql`update users set disabled_at = now() where subject = ${subject}`;
  assert.equal((await deleting('half')).outcome, 'succeeded');
  assert.equal((await bench.migrator.sql`select from users where subject = ${subject}`).length, 0);
  assert.equal((await deleting('')).error?.code, 'invalid_input');
  assert.equal((await deleting('stayer', { apply: true, actor: 'op' })).error?.code, 'reason_missing');
  const away = bench.connect('nobody_of_this_name');
  const order = { ...act, input: { username: 'stayer' } };
  assert.equal((await runProcedure(deleteUser, { db: away, ...clock }, order)).error?.code, 'temporarily_unavailable');
});
