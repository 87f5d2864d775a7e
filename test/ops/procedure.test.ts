/** The wrapper of every procedure: what it refuses, records, measures and never lets out. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { auditLog } from '../../lib/ops/audit-log.ts';
import { createClient } from '../../lib/ops/create-client.ts';
import { createUser } from '../../lib/ops/create-user.ts';
import { disableClient } from '../../lib/ops/disable-client.ts';
import { listClients } from '../../lib/ops/list-clients.ts';
import { listUsers } from '../../lib/ops/list-users.ts';
import { type ProcedureDefinition, runProcedure } from '../../lib/ops/procedure.ts';
import { listLastRuns } from '../../lib/store/audit-log.ts';
import { openDatabase } from '../../lib/store/database.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

test('an order that is no object, or has a member too many, is refused with what was given and what is allowed', async () => {
  const tools = { db: bench.operator, ...clock };
  const refused = async (payload: unknown) => {
    const { outcome, error } = await runProcedure(listClients, tools, payload);
    assert.equal(outcome, 'failed');
    assert.equal(error?.code, 'invalid_input');
    return error.message;
  };
  assert.match(await refused(7), /payload is 7; allowed: a JSON object/);
  assert.match(await refused(undefined), /payload is undefined; allowed: a JSON object/);
  assert.match(await refused({ aply: true }), /"aply"; allowed: input, apply, reason, actor/);
  assert.match(await refused({ apply: 'yes' }), /apply is "yes"; allowed: true or false/);
  assert.match(await refused({ input: { limt: 3 } }), /"limt"; allowed: limit, after/);
  assert.match(await refused({ input: { limit: 0 } }), /limit is 0; allowed: a whole number from 1 to 500/);
  assert.match(await refused({ input: [] }), /input is \[\]; allowed: a JSON object/);
  assert.match(await refused({ actor: 'a\nb' }), /actor is "a\\nb"/);
});

test('no input whatever makes a procedure throw, answer with a stack trace, or write', async () => {
  const tools = { db: bench.operator, ...clock };
  const definitions = [createClient, createUser, disableClient, listClients, listUsers] as ProcedureDefinition<
    typeof tools,
    unknown,
    unknown,
    unknown
  >[];
  const names = fc.constantFrom(
    'client_name',
    'username',
    'password',
    'scope',
    'redirect_uris',
    'resources',
    'client_id',
    'limit',
    'after',
    '__proto__',
    'x',
  );
  const input = fc.dictionary(names, fc.jsonValue(), { maxKeys: 4 });
  const payload = fc.oneof(
    fc.jsonValue(),
    fc.record(
      { input: fc.oneof(input, fc.jsonValue()), apply: fc.constantFrom(false, 'true', null), actor: fc.constantFrom('a', 5) },
      { requiredKeys: [] },
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...definitions), payload, async (definition, given) => {
      const answer = await runProcedure(definition, tools, given);
      assert.ok(['planned', 'succeeded', 'failed'].includes(answer.outcome));
      assert.doesNotMatch(JSON.stringify(answer), /\bat .*\.ts:\d+|node_modules|PostgresError|internal_error/);
      if (answer.outcome === 'failed') assert.ok(answer.error?.message);
    }),
    { numRuns: 300 },
  );
  assert.deepEqual((await readAuditLog(bench.migrator)).rows, []);
  assert.equal((await bench.migrator.sql`select from clients`).length + (await bench.migrator.sql`select from users`).length, 0);
});

test('a writing procedure shows its plan and changes nothing until it is told to act', async () => {
  const tools = { db: bench.operator, ...clock };
  const order = { input: { client_name: 'planned', grant_types: ['client_credentials'] } };
  const planned = await runProcedure(createClient, tools, order);
  assert.equal(planned.outcome, 'planned');
  assert.match(planned.plan.steps.join(), /register the confidential client "planned" for client_credentials/);
  assert.equal(planned.result, undefined);
  assert.equal((await bench.migrator.sql`select from clients where client_name = 'planned'`).length, 0);
});

test('what was done, by whom, why and how it ended is in the audit log, a metric and one log line', async () => {
  bench.output.clear();
  const tools = { db: bench.operator, ...clock };
  const order = {
    input: { client_name: 'audited', grant_types: ['client_credentials'] },
    apply: true,
    actor: 'kim',
    reason: 'asked for',
  };
  const done = await runProcedure(createClient, tools, order, 'request-1');
  assert.equal(done.outcome, 'succeeded');
  const [row] = (await readAuditLog(bench.migrator)).rows;
  assert.deepEqual(
    { ...row },
    {
      actor: 'kim',
      procedure: 'create-client',
      reason: 'asked for',
      plan: done.plan,
      outcome: 'succeeded',
      detail: `client ${done.result?.client_id}`,
    },
  );
  const [line, ...others] = bench.output.logs();
  assert.equal(others.length, 0);
  assert.equal(line?.message, 'procedure');
  assert.equal(line?.request_id, 'request-1');
  assert.equal(line?.outcome, 'succeeded');
  const [blob] = bench.output.metrics();
  assert.equal(blob?.procedure_succeeded_total, 1);
  assert.equal(blob?.procedure, 'create-client');
});

test('a failure is recorded with its reason, and a mistake of the operator counts as no failed procedure', async () => {
  bench.output.clear();
  const tools = { db: bench.operator, ...clock };
  const order = { input: { client_id: 'nobody' }, apply: true, reason: 'because', actor: 'kim' };
  const { outcome, error } = await runProcedure(disableClient, tools, order);
  assert.equal(outcome, 'failed');
  assert.equal(error?.code, 'not_found');
  const { rows } = await readAuditLog(bench.migrator);
  assert.equal(rows.at(-1)?.outcome, 'failed');
  assert.match(String(rows.at(-1)?.detail), /not_found: there is no client "nobody"/);
  assert.equal(bench.output.metrics().filter((blob) => 'procedure_failed_total' in blob).length, 0);
});

test('a procedure that fails by itself counts as failed, and its answer keeps the details for the log', async () => {
  bench.output.clear();
  const broken: typeof listClients = {
    ...listClients,
    apply: async () => {
      throw new TypeError('the inner workings');
    },
  };
  const answer = await runProcedure(broken, { db: bench.operator, ...clock }, {});
  assert.deepEqual(answer.error?.code, 'internal_error');
  assert.doesNotMatch(JSON.stringify(answer), /inner workings/);
  assert.match(bench.output.text(), /inner workings/);
  assert.equal(bench.output.metrics().find((blob) => 'procedure_failed_total' in blob)?.procedure, 'list-clients');
});

test('the change and its audit entry are one transaction: without the entry there is no client', async () => {
  await bench.migrator.sql`alter table audit_log add constraint nobody check (actor <> 'nobody')`;
  const input = { client_name: 'lost', grant_types: ['client_credentials'] };
  const order = { input, apply: true, actor: 'nobody', reason: 'a test' };
  const { outcome } = await runProcedure(createClient, { db: bench.operator, ...clock }, order);
  assert.equal(outcome, 'failed');
  assert.equal((await bench.migrator.sql`select from clients where client_name = 'lost'`).length, 0);
  await bench.migrator.sql`alter table audit_log drop constraint nobody`;
});

/** A procedure that is no transaction, whose work ends so. */
const ending = (apply: typeof disableClient.apply): typeof disableClient => ({ ...disableClient, apply });

async function makeClient(client_name: string): Promise<string> {
  const input = { client_name, grant_types: ['client_credentials'] };
  const order = { input, apply: true, reason: 'a test', actor: 'kim' };
  return String((await runProcedure(createClient, { db: bench.operator, ...clock }, order)).result?.client_id);
}
const outcomesOf = async (reason: string) =>
  (await bench.migrator.sql<{ outcome: string }[]>`select outcome from audit_log where reason = ${reason} order by audit_id`).map(
    ({ outcome }) => outcome,
  );

test('what is no transaction is on record before it acts: where the audit log does not take that, nothing is done', async () => {
  const client_id = await makeClient('stays');
  await bench.migrator.sql`revoke insert on audit_log from oauth2_operator`;
  const order = { input: { client_id }, apply: true, actor: 'kim', reason: 'unrecorded' };
  const { outcome } = await runProcedure(disableClient, { db: bench.operator, ...clock }, order);
  await bench.migrator.sql`grant insert on audit_log to oauth2_operator`;
  assert.equal(outcome, 'failed');
  const [client] = await bench.migrator.sql`select disabled_at from clients where client_id = ${client_id}`;
  assert.equal(client?.disabled_at, null);
  assert.deepEqual(await outcomesOf('unrecorded'), []);
});

test('a run that is cut off has left its beginning; one that ended is told once, whichever way it ended', async () => {
  const client_id = await makeClient('cut off');
  const tools = { db: bench.operator, ...clock };
  const order = (reason: string) => ({ input: { client_id }, apply: true, actor: 'kim@laptop', reason });
  let cutOff: () => void = () => assert.fail('it did not begin');
  const begun = new Promise<void>((resolve) => (cutOff = resolve));
  const forever = ending(async () => {
    cutOff();
    return new Promise<never>(() => {});
  });
  void runProcedure(forever, tools, order('cut off'));
  await begun;
  assert.deepEqual(await outcomesOf('cut off'), ['begun']);
  await runProcedure(disableClient, tools, order('to its end'));
  assert.deepEqual(await outcomesOf('to its end'), ['begun', 'succeeded']);
  const broken = ending(async () => {
    throw new TypeError('broken');
  });
  await runProcedure(broken, tools, order('failing'));
  assert.deepEqual(await outcomesOf('failing'), ['begun', 'failed']);
  const { result } = await runProcedure(auditLog, tools, { input: { actor: 'kim@laptop' } });
  assert.deepEqual(
    result?.entries.map(({ reason, outcome }) => [reason, outcome]),
    [
      ['cut off', 'begun'],
      ['to its end', 'succeeded'],
      ['failing', 'failed'],
    ],
  );
  const last = (await listLastRuns(bench.operator)).find(({ procedure }) => procedure === 'disable-client');
  assert.equal(last?.outcome, 'succeeded', 'what only began is no last run');
});

test('what makes or brings back the database that has the audit log acts without it, and its log line says so', async () => {
  bench.output.clear();
  const client_id = await makeClient('without a log');
  await bench.migrator.sql`revoke insert on audit_log from oauth2_operator`;
  let acted = false;
  const bringing: typeof disableClient = {
    ...ending(async () => {
      acted = true;
      throw new TypeError('ends here');
    }),
    acts_without_log: true,
  };
  const order = { input: { client_id }, apply: true, actor: 'kim', reason: 'no log' };
  await runProcedure(bringing, { db: bench.operator, ...clock }, order);
  await bench.migrator.sql`grant insert on audit_log to oauth2_operator`;
  assert.ok(acted);
  const line = bench.output.logs().find(({ outcome }) => outcome === 'begun');
  assert.match(String(line?.detail), /not in the audit log: .*permission denied/);
});

test('a database that is away is temporarily_unavailable, without the words of the driver', async () => {
  bench.output.clear();
  const away = openDatabase({ host: '127.0.0.1', port: 1, database: 'x', user: 'x', tls: false, prepare: true, connections: 1 });
  for (const definition of [listClients, createClient]) {
    const input = { grant_types: ['client_credentials'] };
    const order = definition === listClients ? {} : { input, apply: true, reason: 'a test' };
    const answer = await runProcedure(definition as typeof listClients, { db: away, ...clock }, order);
    assert.equal(answer.outcome, 'failed');
    assert.equal(answer.error?.code, 'temporarily_unavailable');
    assert.doesNotMatch(JSON.stringify(answer), /ECONNREFUSED|127\.0\.0\.1/);
  }
  assert.match(bench.output.text(), /ECONNREFUSED/);
  assert.equal(bench.output.metrics().filter((blob) => blob.procedure_failed_total === 1).length, 2);
  await away.end();
});

test('neither audit log, log, metrics nor plan hold a password or a client secret', async () => {
  bench.output.clear();
  const tools = { db: bench.operator, ...clock };
  const password = 'planted-password-4711';
  const user = { username: 'planted', email: 'planted@example.com', password };
  const created = await runProcedure(createUser, tools, { input: user, apply: true, actor: 'kim', reason: 'a test' });
  const again = await runProcedure(createUser, tools, { input: user, apply: true, actor: 'kim', reason: 'a test' });
  const short = await runProcedure(createUser, tools, {
    input: { username: 'short', password: 'plant12' },
    apply: true,
    actor: 'kim',
    reason: 'a test',
  });
  const client = await runProcedure(createClient, tools, {
    input: { client_name: 'secretive', grant_types: ['client_credentials'] },
    apply: true,
    reason: 'a test',
  });
  const secret = String(client.result?.client_secret);
  assert.match(secret, /^[\w-]{43}$/);
  const everywhere =
    JSON.stringify([created, again, short, client.plan]) + (await readAuditLog(bench.migrator)).text + bench.output.text();
  for (const planted of [password, 'plant12', secret]) assert.ok(!everywhere.includes(planted), `${planted} leaked`);
});
