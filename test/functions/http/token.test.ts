/** Checks the token function against the events that API Gateway sends it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, type TestClient } from '../../support/accounts.ts';
import { callFunction, type EventParts } from '../../support/gateway-event.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let client: TestClient;
before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
});
after(() => server.stop());

const body = 'grant_type=client_credentials&scope=read';
const headers = () => ({ 'content-type': 'application/x-www-form-urlencoded', authorization: client.basic });
const call = (parts: Partial<EventParts> = {}) =>
  callFunction('token', { path: '/oauth/token', headers: headers(), body, ...parts });

test('a body that the gateway encoded in base64 is read as what was sent', async () => {
  const answer = await call({ body: Buffer.from(body).toString('base64'), base64: true });
  assert.deepEqual([answer.statusCode, JSON.parse(answer.body).scope], [200, 'read']);
});

test('an event without body is invalid_request', async () => {
  const { body: _, ...bodiless } = { body };
  const answer = await callFunction('token', { path: '/oauth/token', headers: headers(), ...bodiless });
  assert.deepEqual([answer.statusCode, JSON.parse(answer.body).error], [400, 'invalid_request']);
});

test('failures are counted by subscriber: the addresses of one IPv6 network share a limit, those of another have their own', async () => {
  const wrong = { ...headers(), authorization: `Basic ${btoa(`${client.client_id}:wrong`)}` };
  const from = (source_ip: string) => call({ headers: wrong, source_ip });
  let last = await from('2001:db8:1:1::0');
  for (let host = 1; host <= 20; host += 1) last = await from(`2001:db8:1:1::${host}`);
  assert.equal(last.statusCode, 429);
  assert.equal((await from('2001:db8:1:2::1')).statusCode, 401);
  assert.equal((await call({ source_ip: '2001:db8:1:1::1' })).statusCode, 200);
});

test('issued tokens and failed authentications are counted in the metrics', async () => {
  server.output.clear();
  await call();
  await call({ headers: { ...headers(), authorization: `Basic ${btoa(`${client.client_id}:bad`)}` } });
  const written = server.output.text();
  for (const name of ['oauth_token_issued_total', 'oauth_failed_authentications', 'http_requests_total', 'db_queries_total'])
    assert.ok(written.includes(name), name);
});
