/** What is stored of a person is handed out whole and without secrets, and on record. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { exportUser } from '../../lib/ops/export-user.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { eventsAtOnce, mostRows } from '../../lib/store/personal-data.ts';
import { addPerson, addShop } from './person.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
  await addShop(bench);
});
after(() => bench.stop());

const act = { apply: true, reason: 'request of the person', actor: 'op' };
const exporting = (username: string, order: object = act) =>
  runProcedure(exportUser, { db: bench.operator, ...clock }, { input: { username }, ...order });

test('the plan tells what would be handed out, and hands out nothing', async () => {
  const subject = await addPerson(bench, 'asks');
  const { outcome, plan, result } = await exporting('Asks', { apply: false });
  assert.deepEqual([outcome, result], ['planned', undefined]);
  assert.match(plan.steps.join(), new RegExp(`everything that is stored of the account ${subject}`));
});

test('everything of the account is handed out, nothing of others, and no digest', async () => {
  const [subject] = [await addPerson(bench, 'anna'), await addPerson(bench, 'other')];
  const { result } = await exporting('ANNA');
  const { account, shortened, ...lists } = result ?? assert.fail('nothing was handed out');
  assert.deepEqual([account.subject, account.username, shortened], [subject, 'anna', []]);
  const counts = Object.entries(lists).map(([name, rows]) => [name, (rows as object[]).length]);
  assert.deepEqual(Object.fromEntries(counts), {
    consents: 1,
    sessions: 1,
    devices: 1,
    authorizations: 1,
    authorization_codes: 1,
    access_tokens: 1,
    logout_notices: 0,
    blocks: 1,
    events: 0,
    operations: 0,
  });
  assert.doesNotMatch(JSON.stringify(result), /hash|sealed|secret/);
});

test('that it was handed out is on record, by whom and why; nothing of it is in a log', async () => {
  const { rows } = await readAuditLog(bench.migrator);
  const { procedure, actor, reason } = rows.at(-1) ?? {};
  assert.deepEqual([procedure, actor, reason], ['export-user', 'op', 'request of the person']);
  assert.doesNotMatch(bench.output.text() + JSON.stringify(rows), /anna/i);
  assert.equal((await exporting('anna', { apply: true, actor: 'op' })).error?.code, 'reason_missing');
});

test('what was recorded and done about the account since is handed out too; long lists are shortened, and said to be', async () => {
  const subject = await addPerson(bench, 'busy');
  await bench.migrator.sql`
    insert into events (at, type, subject, data, producer)
    select now(), 'user_authenticated', ${`users/${subject}`}, '{}', 'test' from generate_series(1, ${mostRows + 5})`;
  await exporting('busy');
  const { result = assert.fail('nothing was handed out') } = await exporting('busy');
  assert.deepEqual([(result.events as object[]).length, result.shortened], [mostRows, ['events']]);
  assert.equal((result.operations as object[]).length, 1);
});

test('events of an account are found among more of others than one statement looks through', async () => {
  const subject = await addPerson(bench, 'quiet');
  const { sql } = bench.migrator;
  const once = () => sql`
    insert into events (at, type, subject, data, producer)
    values (now(), 'token_created', 'clients/shop', ${sql.json({ user_id: subject })}, 'test')`;
  await once();
  await sql`
    insert into events (at, type, subject, data, producer)
    select now(), 'client_updated', 'clients/shop', '{}', 'test' from generate_series(1, ${2 * eventsAtOnce})`;
  await once();
  const { result = assert.fail('nothing was handed out') } = await exporting('quiet');
  assert.deepEqual(
    (result.events as { type: string; data: object }[]).map(({ type, data }) => [type, data]),
    Array(2).fill(['token_created', { user_id: subject }]),
  );
});

test('whom nobody knows, bad input and a database that is away are told', async () => {
  assert.equal((await exporting('nobody')).error?.code, 'not_found');
  assert.equal((await exporting('')).error?.code, 'invalid_input');
  const away = bench.connect('nobody_of_this_name');
  const order = { ...act, input: { username: 'anna' } };
  assert.equal((await runProcedure(exportUser, { db: away, ...clock }, order)).error?.code, 'temporarily_unavailable');
});
