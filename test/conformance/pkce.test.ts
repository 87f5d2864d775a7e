/** Proof Key for Code Exchange at the authorization endpoint (RFC 7636, OAuth 2.1 §4.1.1). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertRedirectError, assertSentTo } from '../support/browser-answers.ts';
import { authorizeUrl, exchangeForm, getCode, makePkce, postForm, walk } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent } from '../support/user-agent.ts';

let server: TestServer;
let confidential: TestClient;
let open: TestClient;
let user: TestUser;
const pkce = makePkce();
const without = { code_challenge: undefined, code_challenge_method: undefined };

before(async () => {
  server = await startServer();
  confidential = await makeTestClient(server);
  open = await makeTestClient(server, { token_endpoint_auth_method: 'none' });
  user = await makeTestUser(server);
});
after(() => server.stop());

const ask = (client: TestClient, parameters: Record<string, string | undefined>) =>
  createUserAgent(server).get(authorizeUrl(client, pkce, parameters));

test('P1: a public client without code_challenge is redirected as invalid_request', async () => {
  assertRedirectError(server, await ask(open, without), 'invalid_request');
  const lenient = await makeTestClient(server, { token_endpoint_auth_method: 'none', require_pkce: false });
  assertRedirectError(server, await ask(lenient, without), 'invalid_request');
});

test('P2: code_challenge_method S512 is redirected as invalid_request', async () => {
  for (const code_challenge_method of ['S512', 's256', 'S256 ', 'none', 'S256,plain'])
    assertRedirectError(server, await ask(open, { code_challenge_method }), 'invalid_request');
});

test('P3: code_challenge_method plain, and none at all, is redirected as invalid_request', async () => {
  for (const client of [open, confidential]) {
    assertRedirectError(server, await ask(client, { code_challenge_method: 'plain' }), 'invalid_request');
    assertRedirectError(server, await ask(client, { code_challenge_method: undefined }), 'invalid_request');
    assertRedirectError(server, await ask(client, { code_challenge_method: '' }), 'invalid_request');
  }
});

test('P4: a code_challenge of 42 or 129 characters, or with "=" or "+", is redirected as invalid_request', async () => {
  const { challenge } = pkce;
  for (const code_challenge of [
    challenge.slice(1),
    challenge.repeat(3),
    `${challenge.slice(1)}=`,
    `+${challenge.slice(1)}`,
    `${challenge}=`,
  ])
    assertRedirectError(server, await ask(open, { code_challenge }), 'invalid_request');
  assertSentTo(server, await ask(open, {}), '/login');
});

test('P7: a challenge that was stripped from the request of a client that must use PKCE gets no code', async () => {
  assertRedirectError(server, await ask(confidential, without), 'invalid_request');
  // What is left of a half-stripped one is refused where PKCE is not required, too.
  const lenient = await makeTestClient(server, { require_pkce: false });
  assertRedirectError(server, await ask(lenient, { code_challenge: undefined }), 'invalid_request');
  assertRedirectError(server, await ask(lenient, { code_challenge_method: undefined }), 'invalid_request');
});

test('P7: a verifier for a code whose request had its challenge stripped is invalid_request', async () => {
  const lenient = await makeTestClient(server, { require_pkce: false });
  const flow = await getCode(server, lenient, user, without);
  const answer = await postForm(server, '/oauth/token', exchangeForm(lenient, flow), lenient);
  assert.equal(answer.status, 400);
  assert.equal(answer.body.error, 'invalid_request');
});

test('P8: the code_challenge is in no response to the client and in no log line, and cannot be read from the code', async () => {
  const agent = createUserAgent(server);
  const fresh = makePkce();
  const back = await walk(agent, authorizeUrl(confidential, fresh), user);
  const code = back.searchParams.get('code') ?? '';
  assert.equal(back.href.includes(fresh.challenge), false);
  assert.equal(back.href.includes(fresh.verifier), false);
  const raw = Buffer.from(fresh.challenge, 'base64url');
  assert.equal(Buffer.from(code, 'base64url').includes(raw), false);
  assert.notEqual(createHash('sha256').update(fresh.challenge).digest('base64url'), code);
  const refused = await agent.get(authorizeUrl(confidential, fresh, { code_challenge: `${fresh.challenge}A` }));
  assert.equal(refused.location?.includes(fresh.challenge), false);
  const answer = await postForm(server, '/oauth/token', exchangeForm(confidential, { agent, pkce: fresh, code }), confidential);
  assert.equal(answer.status, 200);
  assert.equal(JSON.stringify(answer.body).includes(fresh.challenge), false);
  assert.ok(server.output.logs().length > 3);
  assert.equal(server.output.text().includes(fresh.challenge), false);
  assert.equal(server.output.text().includes(fresh.verifier), false);
});

test('P9: a confidential client may omit PKCE only where its require_pkce is false', async () => {
  assertRedirectError(server, await ask(confidential, without), 'invalid_request');
  const lenient = await makeTestClient(server, { require_pkce: false });
  const flow = await getCode(server, lenient, user, { ...without, nonce: 'n' });
  const { code_verifier: _, ...form } = exchangeForm(lenient, flow);
  assert.equal((await postForm(server, '/oauth/token', form, lenient)).status, 200);
});

test('P9: a client that need not use PKCE is held to the challenge that it sends', async () => {
  const lenient = await makeTestClient(server, { require_pkce: false });
  const flow = await getCode(server, lenient, user);
  const { code_verifier: _, ...form } = exchangeForm(lenient, flow);
  const answer = await postForm(server, '/oauth/token', form, lenient);
  assert.equal(answer.body.error, 'invalid_grant');
});

test('P10: both discovery documents list code_challenge_methods_supported as S256 alone', async () => {
  for (const name of ['openid-configuration', 'oauth-authorization-server']) {
    const response = await fetch(server.url(`/.well-known/${name}`));
    const document = (await response.json()) as { code_challenge_methods_supported: string[] };
    assert.deepEqual(document.code_challenge_methods_supported, ['S256']);
  }
});
