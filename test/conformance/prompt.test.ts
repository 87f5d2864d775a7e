/** What prompt, max_age, id_token_hint, claims and login_hint ask of the sign-in (OpenID Connect Core §3.1.2.1, §5.5.1). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertErrorPage, assertRedirectError, assertSentTo, readRedirect, titleOf } from '../support/browser-answers.ts';
import { authorizeUrl, exchangeForm, getTokens, makePkce, postForm, walk } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let careful: TestClient;
let user: TestUser;
const pkce = makePkce();

before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  careful = await makeTestClient(server, { trusted: false });
  user = await makeTestUser(server);
  // Sessions here are made to look older: older than the account they must not be.
  await server.db.sql`update users set password_changed_at = password_changed_at - interval '1 day'`;
});
after(() => server.stop());

/** A browser in which the end-user signed in some seconds ago. */
async function signedIn(secondsAgo = 0, who = user): Promise<UserAgent> {
  const agent = createUserAgent(server);
  const page = await agent.submit(await agent.get('/login'), { username: who.username, password: who.password });
  assert.equal(page.status, 303);
  await server.db.sql`
    update sessions set authenticated_at = authenticated_at - make_interval(secs => ${secondsAgo})
    where subject = ${who.subject} and ended_at is null`;
  return agent;
}

async function readIdToken(agent: UserAgent, back: URL): Promise<Record<string, unknown>> {
  const code = back.searchParams.get('code') ?? '';
  const { body } = await postForm(server, '/oauth/token', exchangeForm(client, { agent, pkce, code }), client);
  return JSON.parse(Buffer.from(body.id_token.split('.')[1] ?? '', 'base64url').toString());
}

const ask = (agent: UserAgent, parameters: Record<string, string | undefined>, of = client) =>
  agent.get(authorizeUrl(of, pkce, parameters));

test('prompt/max_age: prompt=none without a session is redirected as login_required', async () => {
  assertRedirectError(server, await ask(createUserAgent(server), { prompt: 'none' }), 'login_required');
});

test('prompt/max_age: prompt=none without consent is redirected as consent_required', async () => {
  assertRedirectError(server, await ask(await signedIn(), { prompt: 'none' }, careful), 'consent_required');
});

test('prompt/max_age: prompt=none with a session and consent gets a code at once', async () => {
  const agent = await signedIn();
  assert.ok(readRedirect(await ask(agent, { prompt: 'none' })).has('code'));
  const own = await makeTestClient(server, { trusted: false });
  await walk(agent, authorizeUrl(own, pkce), user);
  assert.ok(readRedirect(await ask(agent, { prompt: 'none' }, own)).has('code'));
  // More scope than was allowed needs another consent.
  assertRedirectError(server, await ask(agent, { prompt: 'none', scope: 'openid read write' }, own), 'consent_required');
});

test('prompt/max_age: prompt=none with another value, and an unknown prompt, are redirected as invalid_request', async () => {
  const agent = await signedIn();
  for (const prompt of ['none login', 'login none', 'none consent', 'create', 'NONE'])
    assertRedirectError(server, await ask(agent, { prompt }), 'invalid_request');
});

test('prompt/max_age: prompt=login re-authenticates and updates auth_time', async () => {
  const agent = await signedIn(3600);
  const before = await readIdToken(agent, await walk(agent, authorizeUrl(client, pkce), user));
  const page = await ask(agent, { prompt: 'login' });
  assertSentTo(server, page, '/login');
  const after = await readIdToken(agent, await walk(agent, authorizeUrl(client, pkce, { prompt: 'login' }), user));
  assert.ok((after.auth_time as number) - (before.auth_time as number) >= 3600, `${before.auth_time} → ${after.auth_time}`);
  assert.equal(after.sub, before.sub);
});

test('prompt/max_age: prompt=login asks again when the very same request comes again', async () => {
  const agent = await signedIn();
  await walk(agent, authorizeUrl(client, pkce, { prompt: 'login' }), user);
  assertSentTo(server, await ask(agent, { prompt: 'login' }), '/login');
});

test('prompt/max_age: prompt=login is not met by going back to the authorization endpoint without signing in', async () => {
  const agent = await signedIn();
  const page = await agent.follow(await ask(agent, { prompt: 'login' }));
  assert.equal(titleOf(page), 'Sign in');
  assertSentTo(server, await ask(agent, { prompt: 'login' }), '/login');
  // Nor by a sign-in that answered another request.
  await walk(agent, authorizeUrl(client, pkce, { prompt: 'login', state: 'another' }), user);
  assertSentTo(server, await ask(agent, { prompt: 'login' }), '/login');
});

test('prompt/max_age: prompt=select_account asks who signs in', async () => {
  assertSentTo(server, await ask(await signedIn(), { prompt: 'select_account' }), '/login');
});

test('prompt/max_age: prompt=consent asks again although the end-user consented, for a trusted client too', async () => {
  const agent = await signedIn();
  await walk(agent, authorizeUrl(careful, pkce), user);
  for (const registered of [careful, client]) {
    assertSentTo(server, await ask(agent, { prompt: 'consent' }, registered), '/consent');
    assert.ok((await walk(agent, authorizeUrl(registered, pkce, { prompt: 'consent' }), user)).searchParams.has('code'));
    assertSentTo(server, await ask(agent, { prompt: 'consent' }, registered), '/consent');
  }
});

test('prompt/max_age: max_age=0 re-authenticates however fresh the session, and updates auth_time', async () => {
  const agent = await signedIn(60);
  assertSentTo(server, await ask(agent, { max_age: '0' }), '/login');
  const started = Math.floor(Date.now() / 1000);
  const token = await readIdToken(agent, await walk(agent, authorizeUrl(client, pkce, { max_age: '0' }), user));
  assert.ok((token.auth_time as number) >= started);
});

test('prompt/max_age: max_age=1 re-authenticates after more than a second and not before', async () => {
  const agent = await signedIn(2);
  assertSentTo(server, await ask(agent, { max_age: '1' }), '/login');
  assertRedirectError(server, await ask(agent, { max_age: '1', prompt: 'none' }), 'login_required');
  const started = Math.floor(Date.now() / 1000);
  const token = await readIdToken(agent, await walk(agent, authorizeUrl(client, pkce, { max_age: '1' }), user));
  assert.ok((token.auth_time as number) >= started);
});

test('prompt/max_age: a session younger than max_age is enough, and keeps its auth_time', async () => {
  const agent = await signedIn(500);
  const back = await ask(agent, { max_age: '1000' });
  const token = await readIdToken(agent, new URL(back.location ?? ''));
  assert.ok(Date.now() / 1000 - (token.auth_time as number) >= 500);
});

test('prompt/max_age: default_max_age of the registration holds where the request names none', async () => {
  const strict = await makeTestClient(server, { default_max_age: 100 });
  const agent = await signedIn(200);
  assertSentTo(server, await ask(agent, {}, strict), '/login');
  assert.ok(readRedirect(await ask(agent, { max_age: '1000' }, strict)).has('code'));
});

test('prompt/max_age: a max_age that is no number of seconds is redirected as invalid_request', async () => {
  for (const max_age of ['-1', '1.5', 'soon', '1e3', '99999999999'])
    assertRedirectError(server, await ask(await signedIn(), { max_age }), 'invalid_request');
});

test('prompt/max_age: id_token_hint of another end-user is login_required under prompt=none, and a sign-in otherwise', async () => {
  const other = await makeTestUser(server);
  const { body } = await getTokens(server, client, other);
  const agent = await signedIn();
  const hint = { id_token_hint: body.id_token };
  assertRedirectError(server, await ask(agent, { prompt: 'none', ...hint }), 'login_required');
  assertSentTo(server, await ask(agent, hint), '/login');
  // Who then signs in as somebody else is not asked forever.
  const url = authorizeUrl(client, pkce, hint);
  const signIn = await agent.follow(await agent.get(url));
  const wrongUser = await agent.follow(await agent.submit(signIn, { username: user.username, password: user.password }));
  assertRedirectError(server, wrongUser, 'login_required');
});

test('prompt/max_age: id_token_hint of the end-user who is signed in gets a code, expired or not', async () => {
  const { body, agent } = await getTokens(server, client, user);
  assert.ok(readRedirect(await ask(agent, { prompt: 'none', id_token_hint: body.id_token })).has('code'));
});

test('prompt/max_age: an id_token_hint that is no ID token of this server is redirected as invalid_request', async () => {
  const { body, agent } = await getTokens(server, client, user);
  const [header, , signature] = body.id_token.split('.');
  const changed = `${header}.${Buffer.from(JSON.stringify({ sub: user.subject })).toString('base64url')}.${signature}`;
  // J3: an access token is none either.
  for (const id_token_hint of [changed, 'nonsense', body.access_token])
    assertRedirectError(server, await ask(agent, { id_token_hint }), 'invalid_request');
});

test('prompt/max_age: a subject demanded by the claims parameter is weighed as the hint is', async () => {
  const agent = await signedIn();
  const demand = (value: string) => ({ claims: JSON.stringify({ id_token: { sub: { value } } }), prompt: 'none' });
  assert.ok(readRedirect(await ask(agent, demand(user.subject))).has('code'));
  assertRedirectError(server, await ask(agent, demand('somebody-else')), 'login_required');
});

test('prompt/max_age: an essential acr that cannot be reached is redirected as unmet_authentication_requirements', async () => {
  const claims = JSON.stringify({ id_token: { acr: { essential: true, values: ['urn:mace:incommon:iap:gold'] } } });
  assertRedirectError(server, await ask(await signedIn(), { claims }), 'unmet_authentication_requirements');
  assertRedirectError(
    server,
    await ask(createUserAgent(server), { claims, prompt: 'none' }),
    'unmet_authentication_requirements',
  );
});

test('prompt/max_age: a voluntary acr is no obstacle', async () => {
  const claims = JSON.stringify({ id_token: { acr: { values: ['urn:mace:incommon:iap:gold'] } } });
  const page = await ask(await signedIn(), { claims, acr_values: 'urn:mace:incommon:iap:gold' });
  assert.ok(readRedirect(page).has('code'));
});

test('prompt/max_age: a malformed claims parameter is redirected as invalid_request', async () => {
  for (const claims of ['{', '[]', '"x"', '{"id_token":7}'])
    assertRedirectError(server, await ask(await signedIn(), { claims }), 'invalid_request');
});

test('OpenID Connect Core §3.1.2.1: login_hint is what the username field starts with, escaped', async () => {
  const agent = createUserAgent(server);
  const page = await agent.follow(await ask(agent, { login_hint: 'a"b<c' }));
  assert.match(page.text, /name="username"[^>]* value="a&quot;b&lt;c"/);
});

test('prompt=none never shows a page, but where no destination is proven', async () => {
  assertErrorPage(await ask(createUserAgent(server), { prompt: 'none', redirect_uri: 'https://evil.example/cb' }));
});
