/** What comes back with every authorization response: `state` as it was sent and `iss` (OAuth 2.1 §4.1.2, RFC 9207). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { readRedirect } from '../support/browser-answers.ts';
import { authorizeUrl, makePkce } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
/** A browser that is signed in. */
let agent: UserAgent;
const pkce = makePkce();

before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  user = await makeTestUser(server);
  agent = createUserAgent(server);
  await agent.submit(await agent.get('/login'), { username: user.username, password: user.password });
});
after(() => server.stop());

const states: Record<string, string> = {
  'with spaces': 'a b  c',
  'with a plus': 'a+b',
  'with an encoded plus': 'a%2Bb',
  'with separators': 'a&b=c;d#e?f/g',
  'with quotes and markup': '"\'<script>alert(1)</script>\\',
  'in UTF-8': 'Grüße, 世界 👋 \u202e',
  'with line breaks': 'a\r\nb\tc',
  'that looks like parameters': 'x&code=stolen&iss=https://evil.example',
  'of 2 KB': 'x'.repeat(2048),
  'of 2 KB in UTF-8': 'ü世'.repeat(409),
  'with percent signs that encode nothing': '100% %zz %',
};

for (const [kind, state] of Object.entries(states)) {
  test(`A14: a state ${kind} comes back byte for byte, with a code and with an error`, async () => {
    const granted = readRedirect(await agent.get(authorizeUrl(client, pkce, { state })));
    assert.deepEqual(granted.getAll('state'), [state]);
    assert.equal(granted.getAll('code').length, 1);
    const refused = readRedirect(await agent.get(authorizeUrl(client, pkce, { state, response_type: 'token' })));
    assert.deepEqual(refused.getAll('state'), [state]);
    assert.equal(refused.getAll('error').length, 1);
  });
}

test('A14: a state comes back byte for byte through the sign-in and the consent page', async () => {
  const state = `${states['with quotes and markup']}${states['in UTF-8']}a+b%2Bc&d=e`;
  const careful = await makeTestClient(server, { trusted: false });
  const jar = createUserAgent(server);
  const signIn = await jar.follow(await jar.get(authorizeUrl(careful, pkce, { state })));
  assert.equal(signIn.text.includes('<script>alert'), false);
  const consent = await jar.follow(await jar.submit(signIn, { username: user.username, password: user.password }));
  const back = await jar.follow(await jar.submit(consent, { decision: 'allow' }));
  assert.deepEqual(readRedirect(back).getAll('state'), [state]);
});

test('A14: a client that decodes the query as a URI, rather than as a form, reads the same state', async () => {
  const page = await agent.get(authorizeUrl(client, pkce, { state: 'a b+c' }));
  const raw = /[?&]state=([^&]*)/.exec(page.location ?? '')?.[1] ?? '';
  assert.equal(decodeURIComponent(raw), 'a b+c');
});

test('A14: without a state none comes back', async () => {
  for (const parameters of [{}, { response_type: 'token' }]) {
    const answer = readRedirect(await agent.get(authorizeUrl(client, pkce, { ...parameters, state: undefined })));
    assert.equal(answer.has('state'), false);
  }
});

const refusals: Record<string, Record<string, string | undefined>> = {
  'an unsupported response_type': { response_type: 'token' },
  'a missing response_type': { response_type: undefined },
  'a missing challenge': { code_challenge: undefined, code_challenge_method: undefined },
  'a bad scope': { scope: 'nonsense' },
  'a bad resource': { resource: 'https://elsewhere.example' },
  'a bad claims parameter': { claims: '{' },
  'a bad max_age': { max_age: '-1' },
  'a bad id_token_hint': { id_token_hint: 'a.b.c' },
  'an unmet acr': { claims: '{"id_token":{"acr":{"essential":true,"value":"9"}}}' },
  'prompt=none with another value': { prompt: 'none login' },
  'prompt=none that needs a sign-in': { prompt: 'none', max_age: '0' },
};

async function discoveredIssuer(): Promise<string> {
  const response = await fetch(server.url('/.well-known/openid-configuration'));
  const document = (await response.json()) as { issuer: string; authorization_response_iss_parameter_supported: boolean };
  assert.equal(document.authorization_response_iss_parameter_supported, true);
  return document.issuer;
}

for (const [reason, parameters] of Object.entries(refusals)) {
  test(`A15: iss is there exactly once, equal to the issuer of discovery, when the error is ${reason}`, async () => {
    const answer = readRedirect(await agent.get(authorizeUrl(client, pkce, parameters)));
    assert.equal(answer.getAll('error').length, 1);
    assert.deepEqual(answer.getAll('iss'), [await discoveredIssuer()]);
  });
}

test('A15: iss is there exactly once with a code', async () => {
  const answer = readRedirect(await agent.get(authorizeUrl(client, pkce, { iss: 'https://evil.example' })));
  assert.deepEqual(answer.getAll('iss'), [await discoveredIssuer()]);
});

test('A15: iss is there exactly once with login_required, consent_required and access_denied', async () => {
  const careful = await makeTestClient(server, { trusted: false });
  const stranger = createUserAgent(server);
  const answers = [
    await stranger.get(authorizeUrl(client, pkce, { prompt: 'none' })),
    await agent.get(authorizeUrl(careful, pkce, { prompt: 'none' })),
    await agent.submit(await agent.follow(await agent.get(authorizeUrl(careful, pkce))), { decision: 'deny' }),
  ].map((page) => readRedirect(page));
  const errors = answers.map((answer) => answer.get('error'));
  assert.deepEqual(errors, ['login_required', 'consent_required', 'access_denied']);
  for (const answer of answers) assert.deepEqual(answer.getAll('iss'), [await discoveredIssuer()]);
});
