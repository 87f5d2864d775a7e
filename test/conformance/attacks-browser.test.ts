/** Attacks that pass through the end-user's browser (RFC 9700 §4): redirectors, injected codes, forced sign-ins. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertErrorPage, assertRedirectError, assertSentTo, readRedirect, titleOf } from '../support/browser-answers.ts';
import { authorizeUrl, exchangeForm, getCode, makePkce, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, formAction, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let dynamic: TestClient;
let victim: TestUser;
const pkce = makePkce();

before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  dynamic = await makeTestClient(server, { dynamic: true, trusted: false, redirect_uris: ['https://evil.example/cb'] });
  victim = await makeTestUser(server);
});
after(() => server.stop());

async function signedIn(who = victim): Promise<UserAgent> {
  const agent = createUserAgent(server);
  await agent.submit(await agent.get('/login'), { username: who.username, password: who.password });
  assert.ok(agent.cookies.has('session'));
  return agent;
}

test("code injection: an attacker's code in the victim's session fails at S256", async () => {
  const attacker = await getCode(server, client, await makeTestUser(server));
  const own = await getCode(server, client, victim);
  const injected = { ...exchangeForm(client, own), code: attacker.code };
  const answer = await postForm(server, '/oauth/token', injected, client);
  assert.equal(answer.status, 400);
  assert.equal(answer.body.error, 'invalid_grant');
  // The victim's own code is as good as before.
  assert.equal((await postForm(server, '/oauth/token', exchangeForm(client, own), client)).status, 200);
});

test("code injection: a victim's stolen code is of no use with the attacker's verifier or at the attacker's client", async () => {
  const stolen = await getCode(server, client, victim);
  const form = { ...exchangeForm(client, stolen), code_verifier: makePkce().verifier };
  assert.equal((await postForm(server, '/oauth/token', form, client)).body.error, 'invalid_grant');
  const theirs = await makeTestClient(server);
  assert.equal((await postForm(server, '/oauth/token', exchangeForm(client, stolen), theirs)).body.error, 'invalid_grant');
});

test('PKCE downgrade: a request from which the challenge was stripped gets no code', async () => {
  const stripped = authorizeUrl(client, pkce, { code_challenge: undefined, code_challenge_method: undefined });
  assertRedirectError(server, await (await signedIn()).get(stripped), 'invalid_request');
});

test('PKCE downgrade: to plain is refused', async () => {
  const plain = authorizeUrl(client, pkce, { code_challenge_method: 'plain' });
  assertRedirectError(server, await (await signedIn()).get(plain), 'invalid_request');
});

test('look-alike hosts get neither a redirect nor the session of somebody who is signed in', async () => {
  const agent = await signedIn();
  for (const host of [
    'client.example.evil.example',
    'client-example.evil.example',
    'client.example@evil.example',
    'evil.example/client.example',
    'evil.example\\.client.example',
    'evil.example#.client.example',
    'evil.example%00.client.example',
    'client.example\u2215cb.evil.example',
    'сlient.example',
    'client．example',
    'xn--lient-uye.example',
  ]) {
    const page = await agent.get(authorizeUrl(client, pkce, { redirect_uri: `https://${host}/cb` }));
    assertErrorPage(page);
    assert.equal(page.text.includes('href='), false, 'no link to it either');
  }
});

/** What a dynamically registered client could try to have the browser bounced to it. */
const bounces: Record<string, Record<string, string | undefined>> = {
  'an unknown scope': { scope: 'nonsense' },
  'an unsupported response_type': { response_type: 'token' },
  'a missing challenge': { code_challenge: undefined, code_challenge_method: undefined },
  'a bad id_token_hint': { id_token_hint: 'nonsense' },
  'an unmet acr': { claims: '{"id_token":{"acr":{"essential":true,"value":"9"}}}' },
  'a contradictory prompt': { prompt: 'none login' },
  'an unknown prompt': { prompt: 'nonsense' },
  'a bad resource': { resource: 'nonsense' },
  'a request object': { request: 'a.b.c' },
};

for (const [trick, parameters] of Object.entries(bounces)) {
  test(`A22: a dynamic client is no open redirector: with ${trick} the end-user signs in first`, async () => {
    const stranger = createUserAgent(server);
    const page = await stranger.get(authorizeUrl(dynamic, pkce, parameters));
    assertSentTo(server, page, '/login');
    const form = await stranger.follow(page);
    assert.equal(titleOf(form), 'Sign in');
    const wrong = await stranger.submit(form, { username: victim.username, password: 'wrong' });
    assert.equal(wrong.location, undefined);
    const answer = await stranger.follow(await stranger.submit(form, { username: victim.username, password: victim.password }));
    assert.ok(assertRefused(answer));
  });

  test(`A22: a registered first-party client is told of ${trick} at once`, async () => {
    const page = await createUserAgent(server).get(authorizeUrl(client, pkce, parameters));
    assert.ok(readRedirect(page).has('error'));
  });
}

function assertRefused(page: Parameters<typeof readRedirect>[0]): boolean {
  const parameters = readRedirect(page, 'https://evil.example/cb');
  return parameters.has('error') && !parameters.has('code');
}

test('A22: with an existing session a dynamic client is told its error', async () => {
  const agent = await signedIn();
  const page = await agent.get(authorizeUrl(dynamic, pkce, { scope: 'nonsense' }));
  assertRedirectError(server, page, 'invalid_scope', 'https://evil.example/cb');
});

test('A22: prompt=none is the exception: nothing may be shown, so the error goes back', async () => {
  const stranger = createUserAgent(server);
  for (const [parameters, error] of [
    [{ prompt: 'none' }, 'login_required'],
    [{ prompt: 'none', scope: 'nonsense' }, 'invalid_scope'],
    [{ prompt: 'none', id_token_hint: 'nonsense' }, 'invalid_request'],
  ] as const)
    assertRedirectError(server, await stranger.get(authorizeUrl(dynamic, pkce, parameters)), error, 'https://evil.example/cb');
});

test('login CSRF: a form that another site posts signs nobody in', async () => {
  const mallory = await makeTestUser(server);
  const credentials = { username: mallory.username, password: mallory.password };
  const browser = createUserAgent(server);
  const crossSite = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
  assertErrorPage(await browser.post('/login', credentials, crossSite), 'invalid_request', 403);
  // Nor with a form and its value that the attacker was shown.
  const shown = await createUserAgent(server).get('/login');
  const csrf_token = /name="csrf_token" value="([^"]*)"/.exec(shown.text)?.[1] ?? '';
  assertErrorPage(await browser.post('/login', { ...credentials, csrf_token }, crossSite), 'invalid_request', 403);
  assert.equal(browser.cookies.has('session'), false);
});

test('login CSRF: a victim who is signed in stays who they are', async () => {
  const mallory = await makeTestUser(server);
  const agent = await signedIn();
  const session = agent.cookies.get('session');
  assertErrorPage(await agent.post('/login', { username: mallory.username, password: mallory.password }), 'invalid_request', 403);
  assert.equal(agent.cookies.get('session'), session);
});

test('the sign-in leads nowhere but to this server, whatever the query says', async () => {
  const agent = createUserAgent(server);
  const url = `${authorizeUrl(client, pkce).replace('/oauth/authorize', '/login')}&next=https://evil.example&return_to=//evil.example`;
  const page = await agent.get(url);
  assert.ok(formAction(page.text).startsWith(`${server.issuer}/login?`));
  const done = await agent.submit(page, { username: victim.username, password: victim.password });
  assert.ok(done.location?.startsWith(`${server.issuer}/oauth/authorize?`), done.location);
});

test('a page shows what a client or a link says of itself, and runs none of it', async () => {
  const hostile = '"><img src=x onerror=alert(1)><script>alert(2)</script>';
  const loud = await makeTestClient(server, { client_name: hostile, trusted: false });
  const agent = createUserAgent(server);
  const signIn = await agent.follow(await agent.get(authorizeUrl(loud, pkce, { login_hint: hostile, state: hostile })));
  const consent = await agent.follow(await agent.submit(signIn, { username: victim.username, password: victim.password }));
  assert.equal(titleOf(consent), 'Consent');
  const wrong = await agent.get(authorizeUrl(loud, pkce, { redirect_uri: `https://evil.example/${hostile}` }));
  for (const { text } of [signIn, consent, wrong]) {
    const tags =
      text
        .replace(/"[^"]*"/g, '""')
        .match(/<[^>]*>/g)
        ?.join('') ?? '';
    assert.doesNotMatch(tags, /<img|<script|\son\w+=/i);
  }
});

test('mix-up: the response names this issuer, with a code as with an error, so that a client of two servers can tell', async () => {
  const agent = await signedIn();
  const granted = readRedirect(await agent.get(authorizeUrl(client, pkce)));
  assert.equal(granted.get('iss'), server.issuer);
  assertRedirectError(
    server,
    await agent.get(authorizeUrl(client, pkce, { response_type: 'token' })),
    'unsupported_response_type',
  );
});
