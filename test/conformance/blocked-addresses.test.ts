/** Blocked addresses meet a closed door at every endpoint that does something for them; nobody else notices. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { block } from '../../lib/ops/block.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { unblock } from '../../lib/ops/unblock.ts';
import { pathsOf, type RouteName, routeNames, routes } from '../../lib/routes.ts';
import { makeTestClient, type TestClient } from '../support/accounts.ts';
import { postForm } from '../support/flow.ts';
import { driveCaches, type Operation, openOperation } from '../support/operation.ts';
import { startServer, type TestServer } from '../support/server.ts';

const passInCaches = driveCaches();
let server: TestServer;
let operation: Operation;
let client: TestClient;
before(async () => {
  server = await startServer();
  operation = openOperation(server);
  client = await makeTestClient(server);
});
after(async () => {
  await operation.stop();
  await server.stop();
});

const order = { apply: true, reason: 'test', actor: 'test' };
const shutOut = (address: string) => runProcedure(block, operation.tools, { ...order, input: { address, why: 'test' } });
const letIn = (address: string) => runProcedure(unblock, operation.tools, { ...order, input: { address } });

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Sends from another loopback address. */
function from(address: string, path: string, method = 'GET', form = '', headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const type = { 'content-type': 'application/x-www-form-urlencoded', ...headers };
    const sent = request(server.url(path), { method, localAddress: address, headers: type, agent: false }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
    });
    sent.on('error', reject);
    sent.end(form);
  });
}
const tokenFrom = (address: string) =>
  from(address, '/oauth/token', 'POST', 'grant_type=client_credentials', { authorization: client.basic });

/** Documents that everybody may have, and the two checks that load balancers and alarms ask. */
const open: readonly RouteName[] = ['discovery', 'jwks', 'health', 'ready', 'home'];

test('a blocked range is answered 403 everywhere but at the public documents; its neighbour is served', async () => {
  assert.equal((await tokenFrom('127.0.7.8')).status, 200);
  await shutOut('127.0.7.0/24');
  passInCaches(31);
  // The first request after that reads the list anew, beside its own work.
  await tokenFrom('127.0.0.1');
  for (const name of routeNames) {
    const path = pathsOf(routes[name], '')[0]?.replace(/\{[^}]+\}/, 'x') ?? '';
    const method = routes[name].methods[0];
    if (!open.includes(name)) await from('127.0.0.1', path, method);
    const { status, text } = await from('127.0.7.8', path, method);
    if (open.includes(name)) assert.notEqual(status, 403, name);
    else assert.equal(status, 403, `${name}: ${text}`);
    if (routes[name].answers === 'json' && status === 403) assert.equal(JSON.parse(text).error, 'access_denied');
  }
  assert.equal((await tokenFrom('127.0.8.8')).status, 200);
  assert.ok(server.output.logs().some(({ detail }) => detail === 'the address 127.0.7.8 is blocked'));
});

test('nothing is done with what a blocked address sends: no statement, no attempt counted, no token', async () => {
  const count = async () => (await server.db.sql`select count(*)::integer as count from access_tokens`)[0]?.count;
  const earlier = await count();
  server.output.clear();
  assert.equal((await tokenFrom('127.0.7.9')).status, 403);
  assert.equal(await count(), earlier);
  assert.doesNotMatch(server.output.text(), /db_queries_total/);
});

test('lifted, it is served again', async () => {
  await letIn('127.0.7.0/24');
  passInCaches(31);
  await tokenFrom('127.0.0.1');
  assert.equal((await tokenFrom('127.0.7.8')).status, 200);
});

test('the list costs one statement in half a minute, beside a request; where it cannot be read, the one before stays', async () => {
  await shutOut('127.0.9.0/24');
  passInCaches(31);
  await tokenFrom('127.0.0.1');
  assert.equal((await tokenFrom('127.0.9.1')).status, 403);
  await server.db.sql`revoke select on blocks from oauth2_api`;
  passInCaches(31);
  for (let time = 0; time < 3; time++)
    assert.equal((await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client)).status, 200);
  assert.equal((await tokenFrom('127.0.9.1')).status, 403);
  await server.db.sql`grant select on blocks to oauth2_api`;
  await letIn('127.0.9.0/24');
  passInCaches(6);
  await tokenFrom('127.0.0.1');
  assert.equal((await tokenFrom('127.0.9.1')).status, 200);
});
