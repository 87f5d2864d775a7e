/** An account is deleted with what is stored of the person, after everything that lives of it has ended. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deleteUser } from '../../lib/ops/delete-user.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { addPerson, addShop } from './person.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
  await addShop(bench);
});
after(() => bench.stop());

const act = { apply: true, reason: 'request of the person', actor: 'op' };
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
        + (select count(*)::integer from devices where subject = ${subject}) + (select count(*)::integer from blocks where target = ${subject}) as rest,
      (select count(*)::integer from token_families where subject = ${subject} and revoked_at is null) as families,
      (select count(*)::integer from sessions where subject = ${other} and ended_at is null) as others,
      (select data ->> 'user_id' from events where type = 'user_deleted') as told`;
  assert.deepEqual({ ...found }, { users: ['stayer'], rest: 0, families: 0, others: 1, told: subject });
  const { rows } = await readAuditLog(bench.migrator);
  assert.doesNotMatch(bench.output.text() + JSON.stringify(rows), /leaver/);
});

test('once more it is not there any more, by name and by subject; a subject will do for one that is', async () => {
  const again = await deleting('leaver');
  assert.deepEqual([again.error?.code, again.outcome], ['not_found', 'failed']);
  assert.doesNotMatch(String(again.error?.message), /leaver/);
  const subject = await addPerson(bench, 'by-subject');
  assert.equal((await deleting(subject)).result?.subject, subject);
  assert.equal((await deleting(subject)).error?.code, 'not_found');
});

test('one that was disabled by a run that was cut off is deleted by the next', async () => {
  const subject = await addPerson(bench, 'half');
  await bench.migrator.sql`update users set disabled_at = now() where subject = ${subject}`;
  assert.equal((await deleting('half')).outcome, 'succeeded');
  assert.equal((await bench.migrator.sql`select from users where subject = ${subject}`).length, 0);
});
