/** Checks the introspection function against the events that API Gateway sends it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, type TestClient } from '../../support/accounts.ts';
import { callFunction } from '../../support/gateway-event.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let client: TestClient;
before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
});
after(() => server.stop());

const form = 'application/x-www-form-urlencoded';
const ask = (body: string, headers: Record<string, string> = { 'content-type': form, authorization: client.basic }) =>
  callFunction('introspect', { path: '/oauth/introspect', headers, body });
const clientToken = async () => {
  const headers = { 'content-type': form, authorization: client.basic };
  return JSON.parse((await callFunction('token', { path: '/oauth/token', headers, body: 'grant_type=client_credentials' })).body)
    .access_token;
};

test("a client's own token has no username, and its subject is the client", async () => {
  const told = JSON.parse((await ask(`token=${await clientToken()}`)).body);
  assert.deepEqual([told.active, told.sub, 'username' in told], [true, client.client_id, false]);
});

test('a token whose row is gone is inactive although its signature is good', async () => {
  const token = await clientToken();
  await server.db.sql`delete from access_tokens where client_id = ${client.client_id}`;
  assert.equal((await ask(`token=${token}`)).body, '{"active":false}');
});

test('a refused caller learns as little of a live token as of nonsense', async () => {
  const token = await clientToken();
  const headers = { 'content-type': form, authorization: `Basic ${btoa(`${client.client_id}:wrong`)}` };
  const [live, nonsense] = [await ask(`token=${token}`, headers), await ask('token=nonsense', headers)];
  assert.deepEqual([live.statusCode, live.body], [nonsense.statusCode, nonsense.body]);
  assert.equal(live.statusCode, 401);
});
