/** Checks revocation from outside: what ends with what, and that nobody ends or probes the tokens of another. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertRefused, introspect, refreshWith, revoke, send, userinfo } from '../support/calls.ts';
import { exchangeForm, getCode, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let other: TestClient;
let spa: TestClient;
let user: TestUser;
let agent: UserAgent;

before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  other = await makeTestClient(server);
  spa = await makeTestClient(server, { token_endpoint_auth_method: 'none' });
  user = await makeTestUser(server);
  agent = createUserAgent(server);
});
after(() => server.stop());

async function tokensFor(of = client) {
  const flow = await getCode(server, of, user, {}, agent);
  return (await postForm(server, '/oauth/token', exchangeForm(of, flow), of)).body;
}

test('V1: a revoked refresh token is dead, and so is every access token of its family', async () => {
  const first = await tokensFor();
  const second = (await refreshWith(server, client, first.refresh_token)).body;
  assert.equal((await revoke(server, client, second.refresh_token)).status, 200);
  for (const token of [first.access_token, second.access_token, second.refresh_token])
    assert.deepEqual(await introspect(server, client, token), { active: false });
  assertRefused(await refreshWith(server, client, second.refresh_token), 400, 'invalid_grant');
  assert.equal((await userinfo(server, second.access_token)).status, 401);
});

test('V1: a former refresh token of the family revokes it as well', async () => {
  const first = await tokensFor();
  const second = (await refreshWith(server, client, first.refresh_token)).body;
  assert.equal((await revoke(server, client, first.refresh_token)).status, 200);
  assertRefused(await refreshWith(server, client, second.refresh_token), 400, 'invalid_grant');
});

test('V2: a revoked access token is dead, and its refresh token still works', async () => {
  const tokens = await tokensFor();
  assert.equal((await revoke(server, client, tokens.access_token)).status, 200);
  assert.deepEqual(await introspect(server, client, tokens.access_token), { active: false });
  assert.equal((await userinfo(server, tokens.access_token)).status, 401);
  assert.equal((await refreshWith(server, client, tokens.refresh_token)).status, 200);
});

test('V3: an unknown or already revoked token is 200 without a body', async () => {
  const { refresh_token } = await tokensFor();
  for (const token of ['nonsense', 'a.b.c', `rt_${'A'.repeat(64)}`, refresh_token, refresh_token]) {
    const body = new URLSearchParams({ token });
    const answer = await send(server, '/oauth/revoke', { method: 'POST', headers: { authorization: client.basic }, body });
    assert.deepEqual([answer.status, answer.text, answer.headers.get('cache-control')], [200, '', 'no-store']);
  }
});

test('V4: the token of another client is not revoked, and the answer does not tell that it exists', async () => {
  const tokens = await tokensFor();
  for (const stranger of [other, spa]) {
    for (const token of [tokens.access_token, tokens.refresh_token, 'nonsense']) {
      const answer = await revoke(server, stranger, token);
      assert.deepEqual([answer.status, answer.body], [200, {}]);
    }
  }
  assert.equal((await introspect(server, client, tokens.access_token)).active, true);
  assert.equal((await refreshWith(server, client, tokens.refresh_token)).status, 200);
});

test('V5: bad client authentication is 401 invalid_client and revokes nothing', async () => {
  const tokens = await tokensFor();
  const form = { token: tokens.access_token };
  assertRefused(await postForm(server, '/oauth/revoke', form), 401, 'invalid_client');
  assertRefused(await postForm(server, '/oauth/revoke', { ...form, client_id: client.client_id }), 401, 'invalid_client');
  assertRefused(
    await revoke(server, { ...client, basic: `Basic ${btoa(`${client.client_id}:x`)}` }, form.token),
    401,
    'invalid_client',
  );
  assert.equal((await introspect(server, client, tokens.access_token)).active, true);
});

test('V5: a public client revokes its own token with its client_id alone', async () => {
  const tokens = await tokensFor(spa);
  assert.equal((await revoke(server, spa, tokens.access_token)).status, 200);
  assert.equal((await userinfo(server, tokens.access_token)).status, 401);
  assert.equal((await revoke(server, spa, tokens.refresh_token)).status, 200);
  assertRefused(await refreshWith(server, spa, tokens.refresh_token), 400, 'invalid_grant');
});

test('V6: unsupported_token_type never occurs, as JWT access tokens can be revoked here, whatever the hint says', async () => {
  for (const token_type_hint of ['access_token', 'refresh_token', 'urn:example:other']) {
    const { access_token } = await tokensFor();
    const answer = await postForm(server, '/oauth/revoke', { token: access_token, token_type_hint }, client);
    assert.deepEqual([answer.status, answer.body], [200, {}]);
    assert.deepEqual(await introspect(server, client, access_token), { active: false });
  }
});

test('RFC 7009 §2.1: a missing token is invalid_request, GET is refused', async () => {
  assertRefused(await postForm(server, '/oauth/revoke', {}, client), 400, 'invalid_request');
  assertRefused(
    await send(server, '/oauth/revoke?token=x', { headers: { authorization: client.basic } }),
    405,
    'invalid_request',
  );
});

test('V1: 20 revocations and refreshes at once meet no server error, and the family ends', async () => {
  const { refresh_token } = await tokensFor();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      at % 2 ? revoke(server, client, refresh_token) : refreshWith(server, client, refresh_token),
    ),
  );
  assert.ok(answers.every(({ status }) => status === 200 || status === 400));
  for (const { body } of answers)
    if (body.refresh_token) assertRefused(await refreshWith(server, client, body.refresh_token), 400, 'invalid_grant');
});
