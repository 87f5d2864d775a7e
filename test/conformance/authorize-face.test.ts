/** What every page and redirect of the browser's endpoints carries: headers, methods, no CORS, no way to be deceived about the host. */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { titleOf } from '../support/browser-answers.ts';
import { authorizeUrl, getTokens, makePkce } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type Page } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
const pkce = makePkce();

before(async () => {
  server = await startServer();
  client = await makeTestClient(server, { trusted: false });
  user = await makeTestUser(server);
});
after(() => server.stop());

/** Every kind of page, met on the way of one browser. */
async function meetPages(): Promise<[string, Page][]> {
  const agent = createUserAgent(server);
  const signIn = await agent.follow(await agent.get(authorizeUrl(client, pkce)));
  const wrong = await agent.submit(signIn, { username: user.username, password: 'wrong' });
  const consent = await agent.follow(await agent.submit(signIn, { username: user.username, password: user.password }));
  const logout = await agent.get('/logout');
  return [
    ['Sign in', signIn],
    ['Sign in', wrong],
    ['Consent', consent],
    ['Sign out', logout],
    ['Signed out', await agent.submit(logout, {})],
    ['Error', await agent.get('/oauth/authorize')],
    ['Authorization server', await agent.get('/')],
  ];
}

test('A20: every page forbids to be framed, sends no Referer and is not stored', async () => {
  const pages = await meetPages();
  assert.equal(pages.length, 7);
  for (const [title, page] of pages) {
    assert.equal(titleOf(page), title);
    assert.match(page.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.equal(page.headers.get('x-frame-options'), 'DENY');
    assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
    assert.equal(page.headers.get('cache-control'), 'no-store');
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
    assert.match(page.headers.get('content-type') ?? '', /^text\/html; charset=utf-8$/);
  }
});

test('A20: a redirect with a code or an error is neither stored nor named in a Referer', async () => {
  const agent = createUserAgent(server);
  for (const parameters of [{ response_type: 'token' }, {}]) {
    const page = await agent.get(authorizeUrl(client, pkce, parameters));
    assert.equal(page.headers.get('cache-control'), 'no-store');
    assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  }
});

test('A21: every redirect of the flow is 303, after the password and after the consent too', async () => {
  const agent = createUserAgent(server);
  const toSignIn = await agent.get(authorizeUrl(client, pkce));
  const signIn = await agent.follow(toSignIn);
  const afterPassword = await agent.submit(signIn, { username: user.username, password: user.password });
  const consent = await agent.follow(afterPassword);
  const afterConsent = await agent.submit(consent, { decision: 'allow' });
  const toClient = await agent.follow(afterConsent);
  const denied = await agent.submit(consent, { decision: 'deny' });
  const statuses = [toSignIn, afterPassword, afterConsent, toClient, denied].map(({ status }) => status);
  assert.deepEqual(statuses, [303, 303, 303, 303, 303]);
  assert.ok(toClient.location?.startsWith('https://client.example/cb?code='));
});

test('A21: the redirect after a sign-out by POST is 303', async () => {
  const { agent, body } = await getTokens(server, client, user);
  const posted = await agent.post('/logout', {
    id_token_hint: body.id_token,
    post_logout_redirect_uri: 'https://client.example/bye',
  });
  assert.equal(posted.status, 303);
  const ended = await agent.follow(posted);
  assert.equal(ended.status, 303);
  assert.equal(ended.location, 'https://client.example/bye');
});

for (const path of ['/oauth/authorize', '/login', '/consent', '/logout', '/']) {
  test(`A17: ${path} has no CORS headers, and OPTIONS gets none either`, async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'GET' };
    for (const method of ['GET', 'OPTIONS']) {
      const response = await fetch(server.url(path), { method, headers, redirect: 'manual' });
      const cors = [...response.headers.keys()].filter((name) => name.startsWith('access-control-'));
      assert.deepEqual(cors, [], method);
      if (method === 'OPTIONS') assert.equal(response.status, 204);
      await response.arrayBuffer();
    }
  });

  test(`${path} answers a method that it does not serve with 405 and Allow`, async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH', ...(path === '/' ? ['POST'] : [])]) {
      const response = await fetch(server.url(path), { method, redirect: 'manual' });
      assert.equal(response.status, 405, method);
      const allowed = path === '/' ? 'GET, HEAD, OPTIONS' : 'GET, POST, HEAD, OPTIONS';
      assert.equal(response.headers.get('allow'), allowed);
      assert.equal(response.headers.get('location'), null);
      await response.arrayBuffer();
    }
  });

  test(`${path} answers HEAD as GET, without a body`, async () => {
    const query = path === '/oauth/authorize' || path === '/login' ? authorizeUrl(client, pkce).replace(/^[^?]*/, '') : '';
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => fetch(server.url(path + query), { method, redirect: 'manual' })),
    );
    assert.equal(head?.status, get?.status);
    assert.equal(head?.headers.get('location'), get?.headers.get('location'));
    assert.equal(await head?.text(), '');
    await get?.arrayBuffer();
  });
}

/** fetch does not let a caller choose the Host. */
function getWithHeaders(path: string, headers: Record<string, string>): Promise<{ location: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(server.url(path), { headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve({ location: response.headers.location, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

const spoofed = {
  host: 'evil.example',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '444',
  'x-forwarded-prefix': '/evil',
  'x-original-url': '/evil',
  forwarded: 'host=evil.example;proto=https',
};

test('A27: Host and X-Forwarded-* change neither iss nor any URL that is built', async () => {
  const refused = await getWithHeaders(authorizeUrl(client, pkce, { response_type: 'token' }), spoofed);
  assert.equal(new URL(refused.location ?? '').searchParams.get('iss'), server.issuer);
  const signIn = await getWithHeaders(authorizeUrl(client, pkce), spoofed);
  assert.ok(signIn.location?.startsWith(`${server.issuer}/login?`), signIn.location);
  for (const path of [
    '/',
    '/.well-known/openid-configuration',
    authorizeUrl(client, pkce).replace('/oauth/authorize', '/login'),
  ]) {
    const { body } = await getWithHeaders(path, spoofed);
    assert.ok(body.includes(server.issuer), path);
    assert.equal(body.includes('evil'), false, path);
  }
});

test('A27: the address in X-Forwarded-For is not the one that attempts are counted for', async () => {
  const before = await server.db.sql`select bucket from throttles`;
  const agent = createUserAgent(server);
  const page = await agent.get('/login');
  for (const address of ['192.0.2.1', '192.0.2.2']) {
    const form = {
      csrf_token: /name="csrf_token" value="([^"]*)"/.exec(page.text)?.[1] ?? '',
      username: 'nobody',
      password: 'x',
    };
    const answer = await agent.post('/login', form, { 'x-forwarded-for': address });
    assert.equal(answer.status, 401);
  }
  const after = await server.db.sql`select bucket, failures from throttles`;
  // One for the account, one for this address at most.
  assert.ok(after.length - before.length <= 2, `${after.length - before.length} new buckets`);
});
