/** Where an authorization response may go: nowhere but to a redirect URI that the client registered (OAuth 2.1 §2.3, RFC 9700 §2.1). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertErrorPage, assertRedirectError, assertSentTo, readRedirect } from '../support/browser-answers.ts';
import { authorizeUrl, makePkce, walk } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let agent: UserAgent;
let user: TestUser;
const pkce = makePkce();

before(async () => {
  server = await startServer({ OAUTH2_REGISTRATION: 'open' });
  agent = createUserAgent(server);
  user = await makeTestUser(server);
});
after(() => server.stop());

const ask = (client: TestClient, parameters: Record<string, string | undefined>) =>
  agent.get(authorizeUrl(client, pkce, parameters));

test('A1: an unknown client_id is answered with a page and no Location', async () => {
  const client = await makeTestClient(server);
  assertErrorPage(await ask(client, { client_id: 'nobody' }));
  assertErrorPage(await ask(client, { client_id: "' or 1=1 --" }));
});

test('A1: a missing or empty client_id is answered with a page and no Location', async () => {
  const client = await makeTestClient(server);
  assertErrorPage(await ask(client, { client_id: undefined }));
  assertErrorPage(await ask(client, { client_id: '' }));
  assertErrorPage(await agent.get('/oauth/authorize'));
});

test('A1: a disabled client is answered as an unknown one is', async () => {
  const client = await makeTestClient(server);
  await server.db.sql`update clients set disabled_at = now() where client_id = ${client.client_id}`;
  const disabled = await ask(client, {});
  assertErrorPage(disabled);
  const unknown = await ask(client, { client_id: 'nobody' });
  const withoutRequestId = (text: string) => text.replace(/id="request-id">[^<]*/, '');
  assert.equal(withoutRequestId(disabled.text), withoutRequestId(unknown.text));
});

const registered = 'https://client.example/path/cb';
const strangers: Record<string, string> = {
  path: 'https://client.example/path/other',
  'case of the path': 'https://client.example/path/CB',
  'a trailing slash': 'https://client.example/path/cb/',
  'an extra query': 'https://client.example/path/cb?x=1',
  'an empty query': 'https://client.example/path/cb?',
  'an added port': 'https://client.example:443/path/cb',
  'another port': 'https://client.example:8443/path/cb',
  scheme: 'http://client.example/path/cb',
  'case of the scheme': 'HTTPS://client.example/path/cb',
  'user information': 'https://client.example@evil.example/path/cb',
  'user information before the right host': 'https://evil.example@client.example/path/cb',
  'a percent-encoded character': 'https://client.example/path/%63b',
  'a dot segment': 'https://client.example/path/../path/cb',
  'an encoded dot segment': 'https://client.example/path/%2e%2e/path/cb',
  'an added fragment': 'https://client.example/path/cb#',
  'a sub-domain': 'https://a.client.example/path/cb',
  'a longer host': 'https://client.example.evil.example/path/cb',
  'a trailing dot in the host': 'https://client.example./path/cb',
  'case of the host': 'https://CLIENT.example/path/cb',
  'a backslash': 'https://client.example\\@evil.example/path/cb',
  'a look-alike host': 'https://cliеnt.example/path/cb',
  'a look-alike host in Punycode': 'https://xn--clint-8ve.example/path/cb',
  'white space': ' https://client.example/path/cb',
  'a line break': 'https://client.example/path/cb\r\nset-cookie: a=b',
  'a prefix alone': 'https://client.example/path/c',
  'another scheme altogether': 'javascript:alert(1)//client.example/path/cb',
};

for (const [difference, redirect_uri] of Object.entries(strangers)) {
  test(`A2: a redirect_uri that differs by ${difference} is answered with a page and no Location`, async () => {
    const client = await makeTestClient(server, { redirect_uris: [registered] });
    assertErrorPage(await ask(client, { redirect_uri }));
    // Nothing else that is wrong, and no prompt, changes where the error is shown.
    assertErrorPage(await ask(client, { redirect_uri, response_type: undefined, prompt: 'none', scope: 'nonsense' }));
  });
}

test('A2: the very URI that is registered is accepted, compared character by character', async () => {
  const odd = 'https://client.example/A%2fb/../cb?x=%20&y=+';
  const client = await makeTestClient(server, { redirect_uris: [odd] });
  assertSentTo(server, await ask(client, {}), '/login');
  assertErrorPage(await ask(client, { redirect_uri: 'https://client.example/A%2Fb/../cb?x=%20&y=+' }));
});

for (const host of ['127.0.0.1', '[::1]']) {
  test(`A3: a registered http://${host}/cb is accepted with any port, and the code goes to that port`, async () => {
    const client = await makeTestClient(server, { redirect_uris: [`http://${host}/cb`] });
    for (const port of ['', ':1024', ':51004']) {
      const redirect_uri = `http://${host}${port}/cb`;
      assertSentTo(server, await createUserAgent(server).get(authorizeUrl(client, pkce, { redirect_uri })), '/login');
      const back = await walk(createUserAgent(server), authorizeUrl(client, pkce, { redirect_uri }), user);
      assert.ok(back.href.startsWith(`${redirect_uri}?code=`), back.href);
    }
  });

  test(`A3: another path, host or scheme than the registered http://${host}:4000/cb is answered with a page`, async () => {
    const client = await makeTestClient(server, { redirect_uris: [`http://${host}:4000/cb`] });
    for (const redirect_uri of [
      `http://${host}:4000/other`,
      `http://${host}:4000/cb/`,
      `https://${host}:4000/cb`,
      'http://localhost:4000/cb',
      'http://127.0.0.2:4000/cb',
      'http://127.0.0.1.evil.example:4000/cb',
      `http://${host}:4000@evil.example/cb`,
      `http://${host}:70000/cb`,
    ])
      assertErrorPage(await ask(client, { redirect_uri }));
  });
}

test('A4: a registered http://localhost:3000/cb is accepted with another port', async () => {
  const client = await makeTestClient(server, { redirect_uris: ['http://localhost:3000/cb'] });
  const redirect_uri = 'http://localhost:49152/cb';
  const back = await walk(createUserAgent(server), authorizeUrl(client, pkce, { redirect_uri }), user);
  assert.ok(back.href.startsWith(`${redirect_uri}?code=`), back.href);
  assertErrorPage(await ask(client, { redirect_uri: 'http://localhost.evil.example:3000/cb' }));
});

test('A5: the port of an https redirect_uri may not vary, on a loopback host either', async () => {
  const client = await makeTestClient(server, {
    redirect_uris: ['https://client.example:8443/cb', 'https://127.0.0.1:8443/cb', 'https://localhost/cb'],
  });
  for (const redirect_uri of [
    'https://client.example/cb',
    'https://client.example:8444/cb',
    'https://127.0.0.1:9/cb',
    'https://localhost:1/cb',
  ])
    assertErrorPage(await ask(client, { redirect_uri }));
});

test('A6: of several registered redirect URIs none is chosen where the request names none', async () => {
  const client = await makeTestClient(server, { redirect_uris: ['https://client.example/a', 'https://client.example/b'] });
  assertErrorPage(await ask(client, { redirect_uri: undefined, scope: 'read' }));
});

test('A6: the only registered redirect URI is used where the request names none', async () => {
  const client = await makeTestClient(server);
  const url = authorizeUrl(client, pkce, { redirect_uri: undefined, scope: 'read' });
  const back = await walk(createUserAgent(server), url, user);
  assert.ok(back.href.startsWith('https://client.example/cb?code='), back.href);
});

test('A6: an OpenID Connect request without redirect_uri is answered with a page', async () => {
  const client = await makeTestClient(server);
  assertErrorPage(await ask(client, { redirect_uri: undefined, scope: 'openid' }));
});

for (const redirect_uri of [
  'https://client.example/cb#fragment',
  'http://client.example/cb',
  'javascript:alert(1)',
  'data:text/html,hello',
  'file:///etc/passwd',
  'myapp:/cb',
  'https://user@client.example/cb',
  '/cb',
]) {
  test(`A7: the redirect URI ${redirect_uri} cannot be registered: invalid_redirect_uri`, async () => {
    const response = await fetch(server.url('/clients/register'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['https://client.example/good', redirect_uri] }),
    });
    assert.equal(response.status, 400);
    assert.equal(((await response.json()) as { error: string }).error, 'invalid_redirect_uri');
  });
}

test('A8: the query of a redirect URI is retained, and the response is appended to it', async () => {
  const redirect_uri = 'https://client.example/cb?tenant=a%20b&x=+';
  const client = await makeTestClient(server, { redirect_uris: [redirect_uri] });
  const back = await walk(createUserAgent(server), authorizeUrl(client, pkce), user);
  assert.ok(back.href.startsWith(`${redirect_uri}&code=`), back.href);
  const refused = readRedirect(await ask(client, { response_type: 'token' }), redirect_uri);
  assert.equal(refused.get('tenant'), 'a b');
  assert.equal(refused.get('error'), 'unsupported_response_type');
});

test('A8: a private scheme that was registered is redirected to as it is', async () => {
  const redirect_uri = 'com.example.app:/cb';
  const client = await makeTestClient(server, { redirect_uris: [redirect_uri], token_endpoint_auth_method: 'none' });
  assertRedirectError(
    server,
    await ask(client, { code_challenge: undefined, code_challenge_method: undefined }),
    'invalid_request',
    redirect_uri,
  );
});

test('A13: a repeated client_id or redirect_uri is answered with a page and no Location', async () => {
  const client = await makeTestClient(server);
  const url = authorizeUrl(client, pkce);
  assertErrorPage(await agent.get(`${url}&client_id=${client.client_id}`));
  assertErrorPage(await agent.get(`${url}&redirect_uri=${encodeURIComponent('https://client.example/cb')}`));
  assertErrorPage(await agent.get(`${url}&redirect_uri=${encodeURIComponent('https://evil.example/cb')}`));
});
