/** Drill: no request pins a connection of the proxy before the database; a session that does makes the alarm fire, and is found and ended by the page's commands. */
import './metrics-environment.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { databaseReport } from '../../lib/ops/database-report.ts';
import { mendDatabase } from '../../lib/ops/mend-database.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { publishGauges } from '../../lib/ops/publish-gauges.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { makeTestClient, makeTestUser } from '../support/accounts.ts';
import { openAlarmDrill, type Seen } from '../support/alarm-drill.ts';
import { introspect, refreshWith, revoke, send, sendJson, userinfo } from '../support/calls.ts';
import { exchangeForm, getCode, getTokens, postForm } from '../support/flow.ts';
import { openPinningProxy, type PinningProxy, whyPinned } from '../support/pinning-proxy.ts';
import { testDatabase } from '../support/postgres.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { recordDrill } from './record.ts';
import { assertAllFired } from './where-alarms-fire.ts';

const { assertFires, fired } = await openAlarmDrill();

let proxy: PinningProxy;
let server: TestServer;
before(async () => {
  const database = await testDatabase();
  await database.drop();
  proxy = await openPinningProxy(database.port);
  // As behind RDS Proxy; lib/infra/data-stack.ts has the same.
  server = await startServer({
    OAUTH2_DATABASE_PORT: String(proxy.port),
    OAUTH2_DATABASE_PREPARE: 'false',
    OAUTH2_REGISTRATION: 'open',
  });
});
after(async () => {
  await proxy.stop();
  await server.stop();
});

const open = (user: string, prepare: boolean): Database => {
  const { host, name: database } = server.database;
  return openDatabase({ host, port: proxy.port, database, user, tls: false, prepare, connections: 1 });
};
const seen = (): Seen => ({ lines: [], measured: [proxy.pinned().length] });

/** Every endpoint once, with what most requests of a day are. */
async function oneDay(): Promise<void> {
  const [client, user] = [await makeTestClient(server), await makeTestUser(server)];
  const { body, agent } = await getTokens(server, client, user);
  assert.ok(body.refresh_token);
  const rotated = await refreshWith(server, client, body.refresh_token);
  assert.equal(rotated.status, 200);
  assert.equal((await introspect(server, client, rotated.body.access_token)).active, true);
  assert.equal((await userinfo(server, rotated.body.access_token)).status, 200);
  const flow = await getCode(server, client, user, {}, agent);
  for (const status of [200, 400])
    assert.equal((await postForm(server, '/oauth/token', exchangeForm(client, flow), client)).status, status);
  assert.equal((await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client)).status, 200);
  assert.equal((await revoke(server, client, rotated.body.refresh_token)).status, 200);
  const registered = await sendJson(server, '/clients/register', 'POST', { redirect_uris: ['https://client.example/cb'] });
  assert.equal(registered.status, 201, registered.text);
  const bearer = { authorization: `Bearer ${registered.body.registration_access_token}` };
  for (const [method, status] of [
    ['GET', 200],
    ['DELETE', 204],
  ] as const)
    assert.equal(
      (await send(server, `/clients/register/${registered.body.client_id}`, { method, headers: bearer })).status,
      status,
    );
  assert.equal((await agent.get(`/logout?id_token_hint=${body.id_token}`)).status, 200);
  for (const path of ['/health', '/ready', '/metrics', '/events/health', '/.well-known/openid-configuration', '/oauth/jwks'])
    assert.ok((await send(server, path)).status < 500, path);
}

test('what pins is told from what does not', () => {
  const pins = {
    SET: 'set statement_timeout = 0',
    RESET: 'reset all',
    set_config: "select set_config('work_mem', '1MB', false)",
    'a prepared statement': 'prepare one as select 1',
    LISTEN: 'listen news',
    'a cursor': 'declare c cursor for select 1',
    'a temporary object': 'create temp table t (n integer)',
    'a sequence': "select nextval('s')",
    'a lock of the session': 'select pg_try_advisory_lock(1)',
    'a statement of more than 16 KiB': `select '${'x'.repeat(16 * 1024)}'`,
  };
  for (const [why, text] of Object.entries(pins)) assert.equal(whyPinned(text), why);
  for (const text of ['select 1', 'begin', 'set transaction read only', 'update t set a = 1', 'select pg_advisory_xact_lock(1)'])
    assert.equal(whyPinned(text), undefined, text);
});

test('neither a request nor a scheduled procedure pins a connection; what does is found and ended by the commands of the page', async () => {
  await oneDay();
  const operator = open('oauth2_operator', false);
  const tools = { db: operator, now: () => new Date() };
  const { outcome } = await runProcedure(publishGauges, tools as never, { apply: true, actor: 'schedule' });
  assert.equal(outcome, 'succeeded');
  const statements = proxy.statements();
  assert.ok(statements > 30, `${statements}`);
  assert.deepEqual(proxy.pinned(), []);
  const calm = seen();

  // A release whose functions use named statements, and somebody who looks something up by hand.
  const careless = open('oauth2_api', true);
  await careless.ask('look', careless.sql`select ${1}::integer as one`);
  const { host, name: database } = server.database;
  const byHand = postgres({
    host,
    port: proxy.port,
    database,
    username: 'oauth2_operator',
    max: 1,
    prepare: false,
    fetch_types: false,
  });
  await byHand`set idle_in_transaction_session_timeout = 0`;
  await byHand`begin`;
  const [{ pid = 0 } = {}] = await byHand<{ pid: number }[]>`select pg_backend_pid() as pid`;
  assert.deepEqual(
    proxy
      .pinned()
      .map(({ why }) => why)
      .toSorted(),
    ['SET', 'a named prepared statement'],
  );
  const pinned = seen();
  assertFires('ConnectionsPinned', 'database-connection-issues', pinned, calm);

  await careless.end();
  const report = async () => (await runProcedure(databaseReport, tools, {})).result?.findings ?? [];
  let advice = '';
  for (let tries = 0; tries < 3000 && advice === ''; tries++)
    advice = (await report()).find(({ change }) => change.includes(`--end-session ${pid}`))?.change ?? '';
  assert.match(advice, /an open transaction keeps rows and locks/);
  const ended = await runProcedure(mendDatabase, tools, {
    apply: true,
    actor: 'drill',
    reason: 'drill',
    input: { end_session: pid },
  });
  assert.equal(ended.result?.did, 'ended the session', ended.error?.message);
  for (let tries = 0; tries < 3000 && proxy.pinned().length > 0; tries++) await report();
  assert.deepEqual(proxy.pinned(), []);
  assertFires('ConnectionsPinned', 'database-connection-issues', pinned, seen());
  // Its connection is gone: nothing of it is waited for.
  await byHand.end({ timeout: 0 });
  await operator.end();
  assertAllFired('pinning', fired);
  recordDrill({
    name: 'pinned-connections',
    shows:
      'every endpoint is asked through a proxy that judges statements by the rules of RDS Proxy; then two sessions pin their connections, and are found and ended',
    figures: { 'statements of requests, none of which pins': statements, ...fired },
  });
});
