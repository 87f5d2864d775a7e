/** What is wrong with an authorization request, told to a client whose redirect URI was proven (OAuth 2.1 §4.1.2.1). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertErrorPage, assertRedirectError, assertSentTo, readRedirect } from '../support/browser-answers.ts';
import { authorizeUrl, exchangeForm, getCode, getTokens, makePkce, postForm, walk } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let agent: UserAgent;
let client: TestClient;
let user: TestUser;
const pkce = makePkce();

before(async () => {
  server = await startServer();
  agent = createUserAgent(server);
  client = await makeTestClient(server);
  user = await makeTestUser(server);
});
after(() => server.stop());

const ask = (parameters: Record<string, string | undefined>, of = client) => agent.get(authorizeUrl(of, pkce, parameters));

test('A9: a missing response_type is redirected as invalid_request', async () => {
  assertRedirectError(server, await ask({ response_type: undefined }), 'invalid_request');
});

for (const response_type of ['token', 'id_token', 'code token', 'code id_token', 'none', 'CODE', 'nonsense']) {
  test(`A10: response_type "${response_type}" is redirected as unsupported_response_type`, async () => {
    assertRedirectError(server, await ask({ response_type }), 'unsupported_response_type');
  });
}

test('A10: response_type code is unauthorized_client for a client that is not registered for it', async () => {
  const other = await makeTestClient(server, { grant_types: ['client_credentials'], response_types: [] });
  assertRedirectError(server, await ask({}, other), 'unauthorized_client');
});

test('A11: unknown parameters are ignored', async () => {
  const back = await walk(
    createUserAgent(server),
    authorizeUrl(client, pkce, { foo: 'bar', 'ü[]': '1', display: 'popup' }),
    user,
  );
  assert.ok(back.searchParams.has('code'), back.href);
  assert.equal(back.searchParams.has('foo'), false);
});

test('A12: a parameter with an empty value is the same as an absent one', async () => {
  assertRedirectError(server, await ask({ response_type: '' }), 'invalid_request');
  const empty = { prompt: '', max_age: '', nonce: '', claims: '', request: '', request_uri: '', resource: '', response_mode: '' };
  const page = await ask({ ...empty, state: '' });
  assertSentTo(server, page, '/login');
  const refused = assertRedirectError(server, await ask({ response_type: '', state: '' }), 'invalid_request');
  assert.equal(refused.has('state'), false);
});

for (const [name, value] of [
  ['response_type', 'code'],
  ['scope', 'openid'],
  ['state', 'again'],
  ['code_challenge', pkce.challenge],
  ['code_challenge_method', 'S256'],
  ['unheard_of', 'x'],
]) {
  test(`A13: a repeated ${name} is redirected as invalid_request`, async () => {
    const url = `${authorizeUrl(client, pkce, { unheard_of: 'x' })}&${new URLSearchParams([[name as string, value as string]])}`;
    const parameters = assertRedirectError(server, await agent.get(url), 'invalid_request');
    // RFC 6749 §4.1.2.1: of two states neither is the one that was received.
    assert.equal(parameters.get('state'), name === 'state' ? null : 'xyz');
  });
}

test('A13: resource may repeat, and each of them is in the audience', async () => {
  const resources = ['https://one.example', 'https://two.example'];
  const withResources = await makeTestClient(server, { resources });
  const jar = createUserAgent(server);
  const url = resources.reduce(
    (text, resource) => `${text}&resource=${encodeURIComponent(resource)}`,
    authorizeUrl(withResources, pkce),
  );
  const back = await walk(jar, url, user);
  const code = back.searchParams.get('code') ?? '';
  const { body } = await postForm(server, '/oauth/token', exchangeForm(withResources, { agent: jar, pkce, code }), withResources);
  const claims = JSON.parse(Buffer.from(body.access_token.split('.')[1] ?? '', 'base64url').toString());
  assert.deepEqual(claims.aud, resources);
});

test('RFC 8707 §2: a resource that the client may not name, or that is no absolute URI, is redirected as invalid_target', async () => {
  for (const resource of ['https://elsewhere.example', '/relative', 'https://one.example#fragment'])
    assertRedirectError(server, await ask({ resource }), 'invalid_target');
});

test('A16: an unknown scope without openid is redirected as invalid_scope', async () => {
  assertRedirectError(server, await ask({ scope: 'read nonsense' }), 'invalid_scope');
  assertRedirectError(server, await ask({ scope: 'nonsense' }), 'invalid_scope');
});

test('A16: an unknown scope beside openid is ignored, and the token names the scope that was granted', async () => {
  const tokens = await getTokens(server, client, user, { scope: 'openid nonsense read' });
  assert.equal(tokens.status, 200);
  assert.equal(tokens.body.scope, 'openid read');
});

test('A16: a malformed scope is redirected as invalid_scope, beside openid too', async () => {
  for (const scope of ['openid "read"', 'read\twrite', 'réad', 'openid read\\write'])
    assertRedirectError(server, await ask({ scope }), 'invalid_scope');
});

test('A16: a client without the scope openid gets no ID token by asking for it', async () => {
  const plain = await makeTestClient(server, { scope: 'read' });
  assertRedirectError(server, await ask({ scope: 'openid read' }, plain), 'invalid_scope');
});

for (const [name, error] of [
  ['request', 'request_not_supported'],
  ['request_uri', 'request_uri_not_supported'],
  ['registration', 'registration_not_supported'],
] as const) {
  test(`OpenID Connect Core §6, §7.2.1: the parameter ${name} is redirected as ${error}`, async () => {
    assertRedirectError(server, await ask({ [name]: 'https://client.example/object' }), error);
  });
}

for (const response_mode of ['web_message', 'fragment', 'form_post', 'jwt']) {
  test(`A23: response_mode=${response_mode} is not offered: invalid_request by redirect, and no page with a script`, async () => {
    const page = await ask({ response_mode });
    assertRedirectError(server, page, 'invalid_request');
    assert.equal(page.text, '');
  });
}

test('A23: response_mode=query is what the server does anyway', async () => {
  assertSentTo(server, await ask({ response_mode: 'query' }), '/login');
});

test('A24: a POST authorization request works as a GET', async () => {
  const jar = createUserAgent(server);
  const { searchParams } = new URL(authorizeUrl(client, pkce, { state: 'by POST é' }), server.issuer);
  const posted = await jar.post('/oauth/authorize', Object.fromEntries(searchParams));
  assert.equal(posted.status, 303);
  const back = await walk(jar, posted.location ?? '', user);
  assert.ok(back.searchParams.has('code'));
  assert.equal(back.searchParams.get('state'), 'by POST é');
});

test('A24: parameters of a POST in the query do not count, and its errors are those of a GET', async () => {
  const { searchParams } = new URL(authorizeUrl(client, pkce, { response_type: 'token' }), server.issuer);
  const posted = await agent.post('/oauth/authorize?response_type=code', Object.fromEntries(searchParams));
  assertRedirectError(server, await agent.follow(posted), 'unsupported_response_type');
});

test('A24: a POST of another content type is answered with a page', async () => {
  const { searchParams } = new URL(authorizeUrl(client, pkce), server.issuer);
  const json = await agent.post('/oauth/authorize', Object.fromEntries(searchParams), { 'content-type': 'application/json' });
  assertErrorPage(json);
});

test('A28: an access token in the query of the authorization request signs nobody in', async () => {
  const { body } = await getTokens(server, client, user);
  const page = await ask({ access_token: body.access_token });
  assertSentTo(server, page, '/login');
  assertRedirectError(server, await ask({ access_token: body.access_token, prompt: 'none' }), 'login_required');
});

test('A28: an access token in the query is not accepted where a token is looked for', async () => {
  const { body } = await getTokens(server, client, user);
  const response = await fetch(server.url(`/oauth/userinfo?access_token=${body.access_token}`));
  assert.equal(response.status, 401);
});

test('an error_description by redirect keeps to its alphabet, whatever the request says', async () => {
  const parameters = readRedirect(await ask({ prompt: 'no"ne\\\u0001é\u{1f600}' }));
  assert.match(parameters.get('error_description') ?? '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,400}$/);
});

test('a request that is longer than redirects can carry is answered with a page', async () => {
  assertErrorPage(await ask({ state: 'x'.repeat(9000) }), 'invalid_request', 413);
  const { searchParams } = new URL(authorizeUrl(client, pkce, { state: 'x'.repeat(30_000) }), server.issuer);
  assertErrorPage(await agent.post('/oauth/authorize', Object.fromEntries(searchParams)), 'invalid_request', 413);
});

test('a code that was issued is of 256 bits and stored as a digest alone', async () => {
  const { code } = await getCode(server, client, user);
  assert.match(code, /^[A-Za-z0-9_-]{43}$/);
  const [row] = await server.db
    .sql`select count(*)::integer as found from authorization_codes k where k::text like ${`%${code}%`}`;
  assert.equal(row?.found, 0);
});
