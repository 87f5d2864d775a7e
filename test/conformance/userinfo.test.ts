/** Checks userinfo and the use of bearer tokens from outside. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeJwt, importJWK, SignJWT } from 'jose';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { type Answer, assertRefused, revoke, send, userinfo } from '../support/calls.ts';
import { exchangeForm, getCode, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

const api = 'https://api.example/';
let server: TestServer;
let client: TestClient;
let user: TestUser;
let agent: UserAgent;

before(async () => {
  server = await startServer();
  client = await makeTestClient(server, { resources: [api] });
  user = await makeTestUser(server, { claims: { name: 'Ann Example', locale: 'de', phone_number: '+49 1' } });
  agent = createUserAgent(server);
});
after(() => server.stop());

async function tokensFor(parameters: Record<string, string> = {}) {
  const flow = await getCode(server, client, user, parameters, agent);
  return (await postForm(server, '/oauth/token', exchangeForm(client, flow), client)).body;
}
const post = (body: string, headers: Record<string, string> = {}) =>
  send(server, '/oauth/userinfo', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body,
  });
const challengeOf = (answer: Answer) => answer.headers.get('www-authenticate') ?? '';

test('U1: without credentials it is 401 with a bare challenge that names no error', async () => {
  for (const headers of [{}, { authorization: 'Basic YTpi' }, { authorization: 'Bearer' }]) {
    const answer = await send(server, '/oauth/userinfo', { headers });
    assert.equal(answer.status, 401);
    assert.match(challengeOf(answer), /^Bearer\b/);
    assert.doesNotMatch(challengeOf(answer), /error/);
    assert.equal(answer.text, '');
    assert.equal(answer.headers.get('cache-control'), 'no-store');
  }
});

test('U2: a bad, an expired and a revoked token are 401 invalid_token', async () => {
  const { access_token } = await tokensFor();
  await revoke(server, client, access_token);
  const key = await importJWK(server.ring.keys.ES256.active.jwk, 'ES256');
  const expired = await new SignJWT({ ...decodeJwt(access_token), exp: 1_700_000_000 })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: server.ring.keys.ES256.active.kid })
    .sign(key);
  for (const token of ['nonsense', 'a.b.c', `rt_${'A'.repeat(64)}`, access_token, expired]) {
    const answer = await userinfo(server, token);
    assertRefused(answer, 401, 'invalid_token');
    assert.match(challengeOf(answer), /error="invalid_token"/);
  }
});

test('U2: a token for a resource server is no use here', async () => {
  assertRefused(await userinfo(server, (await tokensFor({ resource: api })).access_token), 401, 'invalid_token');
});

test('U3: a token without the scope openid is 403 insufficient_scope', async () => {
  const answer = await userinfo(server, (await tokensFor({ scope: 'read' })).access_token);
  assertRefused(answer, 403, 'insufficient_scope');
  assert.match(challengeOf(answer), /error="insufficient_scope".*scope="openid"/);
});

test('U4: a token in the URL is not accepted', async () => {
  const { access_token } = await tokensFor();
  const query = `?access_token=${access_token}`;
  assert.equal((await send(server, `/oauth/userinfo${query}`)).status, 401);
  assert.equal((await send(server, `/oauth/userinfo${query}`, { method: 'POST' })).status, 401);
});

test('U5: a token in the header and in the body at once is invalid_request', async () => {
  const { access_token } = await tokensFor();
  const answer = await post(`access_token=${access_token}`, { authorization: `Bearer ${access_token}` });
  assertRefused(answer, 400, 'invalid_request');
});

test('RFC 6750 §3.1: a token that is sent twice in the body is invalid_request', async () => {
  const { access_token } = await tokensFor();
  assertRefused(await post(`access_token=${access_token}&access_token=${access_token}`), 400, 'invalid_request');
});

test("U6: a client's own token is refused, as it has no end-user", async () => {
  const { body } = await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
  assertRefused(await userinfo(server, body.access_token), 401, 'invalid_token');
});

test('U8: GET and POST serve, with the token in the header or in a form body', async () => {
  const { access_token } = await tokensFor();
  const authorization = `Bearer ${access_token}`;
  const answers = [
    await userinfo(server, access_token),
    await send(server, '/oauth/userinfo', { method: 'POST', headers: { authorization } }),
    await post(`access_token=${access_token}`),
    await send(server, '/oauth/userinfo', { headers: { authorization: `bearer ${access_token}` } }),
  ];
  for (const { status, body, headers } of answers) {
    assert.deepEqual([status, body.sub], [200, user.subject]);
    assert.equal(headers.get('cache-control'), 'no-store');
  }
  const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ access_token }) };
  assert.notEqual((await send(server, '/oauth/userinfo', json)).status, 200);
});

test('U9: sub equals the sub of the ID token', async () => {
  const tokens = await tokensFor();
  assert.equal((await userinfo(server, tokens.access_token)).body.sub, decodeJwt(tokens.id_token).sub);
});

test('OpenID Connect Core §5.4: each scope releases its claims and no others', async () => {
  const claims = async (scope: string) => (await userinfo(server, (await tokensFor({ scope })).access_token)).body;
  assert.deepEqual(await claims('openid'), { sub: user.subject });
  const { sub, email, email_verified, ...rest } = await claims('openid email');
  assert.deepEqual([sub, email, email_verified, rest], [user.subject, `${user.username}@example.com`, true, {}]);
  const profile = await claims('openid profile');
  assert.deepEqual([profile.name, profile.locale, profile.preferred_username], ['Ann Example', 'de', user.username]);
  assert.equal('phone_number' in profile, false);
});

test('RFC 6750 §3: the token of a user who was disabled is invalid_token', async () => {
  const { access_token } = await tokensFor();
  await server.db.sql`update users set disabled_at = now() where subject = ${user.subject}`;
  try {
    assertRefused(await userinfo(server, access_token), 401, 'invalid_token');
  } finally {
    await server.db.sql`update users set disabled_at = null where subject = ${user.subject}`;
  }
});
