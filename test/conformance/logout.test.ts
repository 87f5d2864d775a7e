/** Signing out (OpenID Connect RP-Initiated Logout 1.0): whom, with whose consent, and where to afterwards. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SignJWT } from 'jose';
import { generateKeyRing } from '../../lib/protocol/key-ring.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertErrorPage, assertSentTo, titleOf } from '../support/browser-answers.ts';
import { authorizeUrl, getTokens, makePkce, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, formAction, hiddenField, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
const pkce = makePkce();
const bye = 'https://client.example/bye';

before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  user = await makeTestUser(server);
});
after(() => server.stop());

const logoutUrl = (parameters: Record<string, string>) => `/logout?${new URLSearchParams(parameters)}`;

async function isSignedIn(agent: UserAgent): Promise<boolean> {
  const page = await agent.get(authorizeUrl(client, pkce, { prompt: 'none' }));
  return page.location?.includes('code=') ?? false;
}

test('logout: with the ID token of the end-user it is done at once, and leads to the registered URI with the state', async () => {
  const { agent, body } = await getTokens(server, client, user);
  const state = 'a b+c&d=é';
  const page = await agent.get(logoutUrl({ id_token_hint: body.id_token, post_logout_redirect_uri: bye, state }));
  assert.equal(page.status, 303);
  assert.ok(page.location?.startsWith(`${bye}?state=`), page.location);
  assert.deepEqual([...new URL(page.location ?? '').searchParams], [['state', state]]);
  assert.equal(agent.cookies.has('session'), false);
  assert.equal(await isSignedIn(agent), false);
});

test('logout: state is echoed beside the query of a registered URI, and is absent where none was sent', async () => {
  const uri = 'https://client.example/bye?tenant=a%20b';
  const own = await makeTestClient(server, { post_logout_redirect_uris: [uri] });
  const { agent, body } = await getTokens(server, own, user);
  const page = await agent.get(logoutUrl({ id_token_hint: body.id_token, post_logout_redirect_uri: uri, state: 's' }));
  assert.equal(page.location, `${uri}&state=s`);
  const again = await agent.get(logoutUrl({ id_token_hint: body.id_token, post_logout_redirect_uri: uri }));
  assert.equal(again.location, uri);
});

test('logout: the session that ended is worth nothing to whoever kept its cookie, and its codes neither', async () => {
  const { agent, body } = await getTokens(server, client, user);
  const thief = createUserAgent(server);
  for (const [name, value] of agent.cookies) thief.cookies.set(name, value);
  const code = new URL((await agent.get(authorizeUrl(client, pkce))).location ?? '').searchParams.get('code') ?? '';
  await agent.get(logoutUrl({ id_token_hint: body.id_token }));
  assert.equal(await isSignedIn(thief), false);
  const form = {
    grant_type: 'authorization_code',
    code,
    code_verifier: pkce.verifier,
    redirect_uri: 'https://client.example/cb',
  };
  assert.equal((await postForm(server, '/oauth/token', form, client)).body.error, 'invalid_grant');
});

test('logout: online refresh tokens end with the session, those with offline_access live on', async () => {
  const online = await getTokens(server, client, user, { scope: 'openid read' });
  const offline = await getTokens(server, client, user, { scope: 'openid offline_access' });
  const refresh = (refresh_token: string) =>
    postForm(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token }, client);
  for (const { agent, body } of [online, offline]) await agent.get(logoutUrl({ id_token_hint: body.id_token }));
  assert.equal((await refresh(online.body.refresh_token)).body.error, 'invalid_grant');
  assert.equal((await refresh(offline.body.refresh_token)).status, 200);
});

for (const uri of [
  'https://evil.example/',
  `${bye}/`,
  `${bye}?x=1`,
  'https://client.example/cb',
  'https://client.example.evil.example/bye',
  'javascript:alert(1)',
]) {
  test(`logout: the post_logout_redirect_uri ${uri}, which is not registered, is answered with a page and ends nothing`, async () => {
    const { agent, body } = await getTokens(server, client, user);
    assertErrorPage(await agent.get(logoutUrl({ id_token_hint: body.id_token, post_logout_redirect_uri: uri })));
    assertErrorPage(await agent.get(logoutUrl({ client_id: client.client_id, post_logout_redirect_uri: uri })));
    assert.equal(await isSignedIn(agent), true);
  });
}

test('logout: a post_logout_redirect_uri of nobody in particular is answered with a page', async () => {
  const { agent } = await getTokens(server, client, user);
  assertErrorPage(await agent.get(logoutUrl({ post_logout_redirect_uri: bye })));
  assertErrorPage(await agent.get(logoutUrl({ post_logout_redirect_uri: bye, client_id: 'nobody' })));
});

test('logout: without a hint the end-user is asked, and only the answer signs out', async () => {
  const { agent } = await getTokens(server, client, user);
  const page = await agent.get(logoutUrl({ client_id: client.client_id, post_logout_redirect_uri: bye, state: 's' }));
  assert.equal(titleOf(page), 'Sign out');
  assert.ok(page.text.includes('id="logout-confirm"'));
  assert.ok(page.text.includes(user.username));
  assert.equal(await isSignedIn(agent), true);
  const done = await agent.submit(page, {});
  assert.equal(done.status, 303);
  assert.equal(done.location, `${bye}?state=s`);
  assert.equal(await isSignedIn(agent), false);
});

test('logout: without hint and URI the end-user is asked, and then told that it is done', async () => {
  const { agent } = await getTokens(server, client, user);
  const page = await agent.get('/logout');
  assert.equal(titleOf(page), 'Sign out');
  const done = await agent.submit(page, {});
  assert.equal(done.status, 200);
  assert.equal(titleOf(done), 'Signed out');
  assert.equal(await isSignedIn(agent), false);
});

test('logout: a browser that is not signed in is told so', async () => {
  const page = await createUserAgent(server).get('/logout');
  assert.equal(page.status, 200);
  assert.equal(titleOf(page), 'Signed out');
});

test('logout: a hint that was modified, or is no ID token, is an error page and ends nothing', async () => {
  const { agent, body } = await getTokens(server, client, user);
  const [header = '', payload = '', signature = ''] = body.id_token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const changed = Buffer.from(JSON.stringify({ ...claims, aud: 'another' })).toString('base64url');
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  for (const hint of [
    `${header}.${changed}.${signature}`,
    `${header}.${payload}.${signature.slice(0, -2)}AA`,
    `${none}.${payload}.`,
    'nonsense',
    body.access_token,
  ])
    assertErrorPage(await agent.get(logoutUrl({ id_token_hint: hint, post_logout_redirect_uri: bye })));
  assert.equal(await isSignedIn(agent), true);
});

test('RP-Initiated Logout §2: a hint whose key is not published any more is none: the end-user is asked, and without a client_id it leads nowhere', async () => {
  const forgotten = (await generateKeyRing()).keys.RS256.active;
  const { agent, body } = await getTokens(server, client, user);
  const claims = JSON.parse(Buffer.from(body.id_token.split('.')[1] ?? '', 'base64url').toString());
  const sign = (kid: string) => new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' }).sign(forgotten.jwk);
  const hint = { id_token_hint: await sign(forgotten.kid), post_logout_redirect_uri: bye };
  const page = await agent.get(logoutUrl(hint));
  assert.equal(titleOf(page), 'Sign out');
  assert.equal(await isSignedIn(agent), true);
  const done = await agent.submit(page, {});
  assert.deepEqual([done.status, titleOf(done), done.location], [200, 'Signed out', undefined]);
  assert.ok(!done.text.includes(bye));
  assert.equal(await isSignedIn(agent), false);
  // As without a hint: the client that is named registered the URI, and the end-user agreed.
  const again = await getTokens(server, client, user);
  const named = await again.agent.get(logoutUrl({ ...hint, client_id: client.client_id }));
  assert.equal(titleOf(named), 'Sign out');
  assert.equal((await again.agent.submit(named, {})).location, bye);
  // Under the id of a key that is published, it is a forgery.
  assertErrorPage(await agent.get(logoutUrl({ ...hint, id_token_hint: await sign(server.ring.keys.RS256.active.kid) })));
});

test('J7: an expired hint is accepted for logout', async () => {
  const { agent, body } = await getTokens(server, client, user);
  const claims = JSON.parse(Buffer.from(body.id_token.split('.')[1] ?? '', 'base64url').toString());
  const { kid, jwk } = server.ring.keys.RS256.active;
  const expired = await new SignJWT({ ...claims, iat: claims.iat - 7200, exp: claims.iat - 3600 })
    .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT' })
    .sign(jwk);
  const page = await agent.get(logoutUrl({ id_token_hint: expired, post_logout_redirect_uri: bye }));
  assert.equal(page.location, bye);
  assert.equal(await isSignedIn(agent), false);
});

test('J7: a hint for another audience is refused at logout', async () => {
  const { agent, body } = await getTokens(server, client, user);
  const other = await makeTestClient(server, { post_logout_redirect_uris: ['https://other.example/bye'] });
  const named = { id_token_hint: body.id_token, client_id: other.client_id };
  assertErrorPage(await agent.get(logoutUrl(named)));
  assertErrorPage(
    await agent.get(logoutUrl({ id_token_hint: body.id_token, post_logout_redirect_uri: 'https://other.example/bye' })),
  );
  assert.equal(await isSignedIn(agent), true);
});

test('logout: a hint for another end-user than the one who is signed in asks first', async () => {
  const somebody = await getTokens(server, client, await makeTestUser(server));
  const { agent } = await getTokens(server, client, user);
  const page = await agent.get(logoutUrl({ id_token_hint: somebody.body.id_token, post_logout_redirect_uri: bye }));
  assert.equal(titleOf(page), 'Sign out');
  assert.equal(await isSignedIn(agent), true);
});

test('logout: a client may send its request by POST', async () => {
  const { agent, body } = await getTokens(server, client, user);
  const posted = await agent.post('/logout', { id_token_hint: body.id_token, post_logout_redirect_uri: bye, state: 's' });
  assert.equal(posted.status, 303);
  assert.equal((await agent.follow(posted)).location, `${bye}?state=s`);
  assert.equal(await isSignedIn(agent), false);
});

test('A25: the confirmation cannot be forged: without or with a foreign anti-CSRF value nothing ends', async () => {
  const { agent } = await getTokens(server, client, user);
  const attacker = await getTokens(server, client, await makeTestUser(server));
  await agent.get('/logout');
  const foreign = hiddenField((await attacker.agent.get('/logout')).text, 'csrf_token');
  for (const csrf_token of ['x', foreign]) assertErrorPage(await agent.post('/logout', { csrf_token }), 'invalid_request', 403);
  assert.equal(titleOf(await agent.follow(await agent.post('/logout', { csrf_token: '' }))), 'Sign out');
  assert.equal(await isSignedIn(agent), true);
});

test('A25: a confirmation that was shown without a destination cannot be given one', async () => {
  const { agent } = await getTokens(server, client, user);
  const page = await agent.get('/logout');
  const altered = `${formAction(page.text)}?client_id=${client.client_id}&post_logout_redirect_uri=${encodeURIComponent(bye)}`;
  const form = { csrf_token: hiddenField(page.text, 'csrf_token') };
  assertErrorPage(await agent.post(altered, form), 'invalid_request', 403);
});

test('A22: a link with a dynamically registered client is no way to its site without hint or confirmation', async () => {
  const uri = 'https://evil.example/landing';
  const dynamic = await makeTestClient(server, { dynamic: true, trusted: false, post_logout_redirect_uris: [uri] });
  const url = logoutUrl({ client_id: dynamic.client_id, post_logout_redirect_uri: uri });
  const page = await createUserAgent(server).get(url);
  assert.equal(page.status, 200);
  assert.equal(page.location, undefined);
  assert.equal(titleOf(page), 'Signed out');
  assert.ok(page.text.includes('Continue to evil.example'), 'the link names where it leads');
  // With the hint it is the client that asks.
  const { agent, body } = await getTokens(server, dynamic, user);
  assert.equal((await agent.get(logoutUrl({ id_token_hint: body.id_token, post_logout_redirect_uri: uri }))).location, uri);
});

test('a repeated parameter is answered with a page', async () => {
  assertErrorPage(await createUserAgent(server).get('/logout?state=a&state=b'));
});

test('after signing out, the next request signs in again', async () => {
  const { agent, body } = await getTokens(server, client, user);
  await agent.get(logoutUrl({ id_token_hint: body.id_token }));
  assertSentTo(server, await agent.get(authorizeUrl(client, pkce)), '/login');
});
