/** Checks what the userinfo function notes for the operator, and that it reads what API Gateway sends. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../../support/accounts.ts';
import { getTokens } from '../../support/flow.ts';
import { callFunction } from '../../support/gateway-event.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  user = await makeTestUser(server);
});
after(() => server.stop());

test('a form body in base64 carries the token, and the log names client and end-user', async () => {
  const { body } = await getTokens(server, client, user);
  server.output.clear();
  const answer = await callFunction('userinfo', {
    path: '/oauth/userinfo',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: Buffer.from(`access_token=${body.access_token}`).toString('base64'),
    base64: true,
  });
  assert.deepEqual([answer.statusCode, JSON.parse(answer.body).sub], [200, user.subject]);
  const [line] = server.output.logs();
  assert.deepEqual([line?.client_id, line?.subject], [client.client_id, user.subject]);
});

test('claims that the claims parameter asked for are told beside those of the scope', async () => {
  const claims = JSON.stringify({ userinfo: { email: null, name: { essential: true }, unheard_of: null } });
  const { body } = await getTokens(server, client, user, { scope: 'openid', claims });
  const headers = { authorization: `Bearer ${body.access_token}` };
  const answer = await callFunction('userinfo', { method: 'GET', path: '/oauth/userinfo', headers });
  assert.deepEqual(JSON.parse(answer.body), { sub: user.subject, email: `${user.username}@example.com`, name: 'Test User' });
});
