/** A deleted account as clients see it: nothing that was issued for it works any more. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deleteUser } from '../../lib/ops/delete-user.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { deleteAccount } from '../../lib/store/personal-data.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
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

/** Signs somebody in who gets tokens and a code. @returns what of it works, once asked */
async function signIn(user: TestUser) {
  const { body, agent } = await getTokens(server, client, user, offline);
  const code = await getCode(server, client, user, offline, agent);
  return async () => {
    const page = await agent.get(authorizeUrl(client, makePkce(), { scope: 'openid' }));
    const working = {
      code: (await postForm(server, '/oauth/token', exchangeForm(client, code), client)).status === 200,
      session: /[?&]code=/.test(page.location ?? ''),
      access: (await introspect(server, client, body.access_token)).active,
      userinfo: (await userinfo(server, body.access_token)).status === 200,
      refresh_known: (await introspect(server, client, body.refresh_token)).active,
      refresh: (await refreshWith(server, client, body.refresh_token)).status === 200,
    };
    return Object.entries(working).flatMap(([name, works]) => (works ? [name] : []));
  };
}

test('nothing of a deleted account works, and others go on', async () => {
  const [user, other] = [await makeTestUser(server), await makeTestUser(server)];
  const [gone, kept] = [await signIn(user), await signIn(other)];
  const order = { input: { username: user.username }, apply: true, reason: 'request of the person', actor: 'test' };
  assert.equal((await runProcedure(deleteUser, operation.tools, order)).outcome, 'succeeded');
  assert.deepEqual(await gone(), []);
  assert.deepEqual(await kept(), ['code', 'session', 'access', 'userinfo', 'refresh_known', 'refresh']);
});

test('where its row alone is gone, as after a token that was issued in that very moment, nothing works either', async () => {
  const user = await makeTestUser(server);
  const gone = await signIn(user);
  assert.equal(await deleteAccount(operation.tools.db, user.subject, new Date()), true);
  assert.deepEqual(await gone(), []);
});
