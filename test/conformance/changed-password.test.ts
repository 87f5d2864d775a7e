/** An account with a new password as clients and browsers see it: nothing that was got with the one before works any more. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { setPassword } from '../../lib/ops/set-password.ts';
import { makeTestClient, makeTestUser, type TestClient } from '../support/accounts.ts';
import { introspect, refreshWith, userinfo } from '../support/calls.ts';
import { authorizeUrl, exchangeForm, getCode, getTokens, makePkce, postForm } from '../support/flow.ts';
import { type Operation, openOperation } from '../support/operation.ts';
import { startServer, type TestServer } from '../support/server.ts';

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

const offline = { scope: 'openid offline_access' };

test('neither session, code nor tokens of before work, offline ones included; who has the new password signs in', async () => {
  const user = await makeTestUser(server);
  const { body, agent } = await getTokens(server, client, user, offline);
  const code = await getCode(server, client, user, offline, agent);
  const password = 'a new password';
  const order = { input: { username: user.username, password }, apply: true, reason: 'it leaked', actor: 'test' };
  assert.equal((await runProcedure(setPassword, operation.tools, order)).outcome, 'succeeded');
  assert.equal((await postForm(server, '/oauth/token', exchangeForm(client, code), client)).body.error, 'invalid_grant');
  assert.equal((await refreshWith(server, client, body.refresh_token)).body.error, 'invalid_grant');
  assert.deepEqual(await introspect(server, client, body.access_token), { active: false });
  assert.deepEqual(await introspect(server, client, body.refresh_token), { active: false });
  assert.equal((await userinfo(server, body.access_token)).status, 401);
  const page = await agent.get(authorizeUrl(client, makePkce(), { scope: 'openid' }));
  assert.match(page.location ?? '', /\/login\?/);
  await assert.rejects(getTokens(server, client, user, offline));
  const again = await getTokens(server, client, { ...user, password }, offline);
  assert.equal((await refreshWith(server, client, again.body.refresh_token)).status, 200);
  assert.equal((await introspect(server, client, again.body.access_token)).active, true);
});
