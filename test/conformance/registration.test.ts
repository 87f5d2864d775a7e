/** Checks open client registration from outside: what may be registered, what comes back, and each error (RFC 7591). */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { decodeProtectedHeader } from 'jose';
import { makeTestUser } from '../support/accounts.ts';
import { type Answer, assertRefused, send, sendJson } from '../support/calls.ts';
import { getTokens, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await startServer({ OAUTH2_REGISTRATION: 'open', OAUTH2_REGISTRATION_SCOPE: 'openid offline_access read' });
});
after(() => server.stop());
beforeEach(() => server.db.sql`truncate throttles`);

const redirect_uris = ['https://app.example/cb'];
const register = (metadata: unknown): Promise<Answer> => sendJson(server, '/clients/register', 'POST', metadata);

test('RFC 7591 §3.2.1: a registration is 201, may not be stored, and says everything that was registered', async () => {
  const answer = await register({ redirect_uris, client_name: 'App', client_uri: 'https://app.example/', unheard_of: 1 });
  assert.deepEqual([answer.status, answer.headers.get('cache-control')], [201, 'no-store']);
  const { client_id, client_secret, client_id_issued_at, registration_access_token, registration_client_uri, ...rest } =
    answer.body;
  assert.deepEqual(rest, {
    client_secret_expires_at: 0,
    client_name: 'App',
    client_uri: 'https://app.example/',
    redirect_uris,
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: 'RS256',
    scope: 'openid offline_access read',
  });
  assert.equal(registration_client_uri, `${server.issuer}/clients/register/${client_id}`);
  assert.ok(String(client_secret).length >= 43 && String(registration_access_token).length >= 43);
  assert.ok(Math.abs(Number(client_id_issued_at) - Date.now() / 1000) < 60);
});

test('RFC 7591 §3.2.1: a public client gets no secret', async () => {
  const { status, body } = await register({ redirect_uris, token_endpoint_auth_method: 'none' });
  assert.equal(status, 201);
  assert.equal('client_secret' in body || 'client_secret_expires_at' in body, false);
});

test('J8: neither the secret nor the registration access token is stored', async () => {
  const { body } = await register({ redirect_uris });
  const [row] = await server.db.sql<
    { row: string }[]
  >`select c::text as row from clients c where client_id = ${String(body.client_id)}`;
  assert.ok(row);
  assert.equal(row.row.includes(String(body.client_secret)) || row.row.includes(String(body.registration_access_token)), false);
});

test('A7: redirect URIs that are not https, loopback or a private-use name are invalid_redirect_uri', async () => {
  const bad = [
    'https://app.example/cb#f',
    'http://app.example/cb',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'myapp:/cb',
    'https://user@app.example/cb',
    '/cb',
    '',
    7,
  ];
  for (const uri of bad) assertRefused(await register({ redirect_uris: [uri] }), 400, 'invalid_redirect_uri');
  for (const uris of [[], undefined, 'https://app.example/cb']) {
    assertRefused(await register({ redirect_uris: uris }), 400, 'invalid_redirect_uri');
  }
  for (const uri of ['http://127.0.0.1/cb', 'http://[::1]:5/cb', 'http://localhost/cb', 'com.example.app:/cb'])
    assert.equal((await register({ redirect_uris: [uri] })).status, 201, uri);
});

test('RFC 7591 §3.2.2: every other fault is invalid_client_metadata', async () => {
  const faults: Record<string, unknown>[] = [
    { jwks: { keys: [] }, jwks_uri: 'https://app.example/jwks' },
    { grant_types: ['password'] },
    { grant_types: ['implicit'] },
    { grant_types: ['client_credentials'], token_endpoint_auth_method: 'none' },
    { grant_types: ['refresh_token'] },
    { response_types: ['token'] },
    { response_types: ['code id_token'] },
    { token_endpoint_auth_method: 'private_key_jwt' },
    { scope: 'openid admin' },
    { scope: 'a "quoted" one' },
    { client_name: 'x'.repeat(1000) },
    { client_name: 'nul\u0000' },
    { client_uri: 'http://app.example/' },
    { logo_uri: 'javascript:alert(1)' },
    { contacts: 'me' },
    { default_max_age: -1 },
    { require_auth_time: 'yes' },
    { backchannel_logout_uri: 'http://client.example/logout' },
    { backchannel_logout_uri: 'https://client.example/logout#now' },
    { backchannel_logout_uri: 'https://169.254.169.254/latest' },
    { backchannel_logout_session_required: 'yes' },
  ];
  for (const fault of faults) {
    const answer = await register({ redirect_uris, ...fault });
    assertRefused(answer, 400, 'invalid_client_metadata');
  }
});

test('J1: an ID token without a signature cannot be registered', async () => {
  for (const alg of ['none', 'HS256', 'PS256'])
    assertRefused(await register({ redirect_uris, id_token_signed_response_alg: alg }), 400, 'invalid_client_metadata');
});

test('RFC 7591 §3.1: a body that is no JSON object is invalid_client_metadata', async () => {
  for (const value of [[], 'text', 7, null]) assertRefused(await register(value), 400, 'invalid_client_metadata');
  const headers = { 'content-type': 'application/json' };
  for (const body of ['', '{', '{"a":', '['.repeat(50_000)])
    assertRefused(await send(server, '/clients/register', { method: 'POST', headers, body }), 400, 'invalid_client_metadata');
  const form = await postForm(server, '/clients/register', { redirect_uris: 'https://app.example/cb' });
  assertRefused(form, 400, 'invalid_client_metadata');
});

test('RFC 7591 §5: a client cannot make itself trusted, free of PKCE or entitled to resources', async () => {
  const { body } = await register({
    redirect_uris,
    trusted: true,
    dynamic: false,
    require_pkce: false,
    resources: ['https://api.example/'],
  });
  const [row] = await server.db
    .sql`select trusted, dynamic, require_pkce, resources from clients where client_id = ${String(body.client_id)}`;
  assert.deepEqual({ ...row }, { trusted: false, dynamic: true, require_pkce: true, resources: [] });
});

test('RFC 7591 §1: a registered client goes through the whole flow at once, with the algorithm that it chose', async () => {
  const wish = { redirect_uris, grant_types: ['authorization_code', 'refresh_token'], id_token_signed_response_alg: 'ES256' };
  const { body } = await register(wish);
  const client = { ...body, basic: `Basic ${btoa(`${body.client_id}:${body.client_secret}`)}` } as never;
  const tokens = await getTokens(server, client, await makeTestUser(server));
  assert.equal(tokens.status, 200);
  assert.equal(decodeProtectedHeader(tokens.body.id_token).alg, 'ES256');
  assert.equal(typeof tokens.body.refresh_token, 'string');
});

test('RFC 7591 §5: many registrations from one address end in 429 with Retry-After', async () => {
  let answer: Answer | undefined;
  for (let attempt = 0; attempt < 31; attempt += 1) answer = await register({ redirect_uris });
  assert.equal(answer?.status, 429);
  assert.ok(Number(answer?.headers.get('retry-after')) > 0);
  // An hour later.
  await server.db.sql`update throttles set resets_at = resets_at - interval '1 hour'`;
  assert.equal((await register({ redirect_uris })).status, 201);
});
