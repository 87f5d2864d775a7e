/** Back-channel logout (OpenID Connect Back-Channel Logout 1.0): from the sign-out to a receiver that verifies the token. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { authorizeUrl, getTokens, makePkce, walk } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent } from '../support/user-agent.ts';

type Handler = (event: unknown) => Promise<{ readonly outcome: string; readonly result?: Record<string, unknown> }>;

let server: TestServer;
let client: TestClient;
let user: TestUser;
let receiver: Server;
let received: string[] = [];
let answers: number[] = [];
let chain: readonly Handler[];

const event = 'http://schemas.openid.net/event/backchannel-logout';

before(async () => {
  receiver = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    received.push(new URLSearchParams(body).get('logout_token') ?? '');
    response.writeHead(answers.shift() ?? 200).end();
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  server = await startServer({ OAUTH2_REGISTRATION: 'open' });
  client = await makeTestClient(server, { backchannel_logout_uri: receiverUrl() });
  user = await makeTestUser(server);
  // Functions read their environment when they are imported, and these connect as the operator's role.
  process.env.OAUTH2_DATABASE_USER = 'oauth2_operator';
  const names = ['collect-logout-notices', 'deliver-logout-tokens', 'record-logout-deliveries'];
  chain = await Promise.all(names.map(async (name) => (await import(`../../functions/ops/${name}/handler.ts`)).handler));
});
after(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await server.stop();
});
beforeEach(async () => {
  received = [];
  answers = [];
  await server.db.sql`delete from logout_notices`;
});

const receiverUrl = () => `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/logout`;

/** Runs the procedures as Lambda's destinations chain them. @returns the tokens that arrived */
async function deliver(): Promise<string[]> {
  received = [];
  let payload: unknown = { input: {}, apply: true, reason: 'scheduled', actor: 'schedule' };
  for (const handler of chain) {
    const answer = await handler(payload);
    assert.equal(answer.outcome, 'succeeded');
    payload = {
      version: '1.0',
      requestContext: { condition: 'Success' },
      requestPayload: payload,
      responsePayload: JSON.parse(JSON.stringify(answer)),
    };
  }
  return received;
}

const signOut = ({ agent, body }: Awaited<ReturnType<typeof getTokens>>) =>
  agent.get(`/logout?${new URLSearchParams({ id_token_hint: body.id_token })}`);

const makeDue = () => server.db.sql`update logout_notices set next_attempt_at = now() - interval '1 second'`;

test('logout: the client is sent a token that verifies with the JWKS: type, iss, aud, iat, exp, jti, sub, sid, events, no nonce', async () => {
  for (const alg of ['RS256', 'ES256'] as const) {
    const own = await makeTestClient(server, { backchannel_logout_uri: receiverUrl(), id_token_signed_response_alg: alg });
    const tokens = await getTokens(server, own, user, { nonce: 'n-1' });
    assert.equal((await signOut(tokens)).status, 200);
    const [token = ''] = await deliver();
    const jwks = createRemoteJWKSet(new URL(server.url('/.well-known/jwks.json')));
    const { payload, protectedHeader } = await jwtVerify(token, jwks, {
      issuer: server.issuer,
      audience: own.client_id,
      typ: 'logout+jwt',
      algorithms: [alg],
    });
    const idToken = decodeJwt(tokens.body.id_token);
    assert.equal(protectedHeader.typ, 'logout+jwt');
    assert.deepEqual([payload.sub, payload.sid], [idToken.sub, idToken.sid]);
    assert.deepEqual(payload.events, { [event]: {} });
    assert.equal((payload.exp ?? 0) - (payload.iat ?? 0), 120);
    assert.match(payload.jti ?? '', /^[0-9a-f-]{36}$/);
    assert.equal('nonce' in payload, false);
  }
});

test('logout: a logout token is no ID token, access token or hint of this server', async () => {
  const tokens = await getTokens(server, client, user);
  await signOut(tokens);
  const [token = ''] = await deliver();
  const info = await fetch(server.url('/oauth/userinfo'), { headers: { authorization: `Bearer ${token}` } });
  assert.equal(info.status, 401);
  const again = await getTokens(server, client, user);
  const page = await again.agent.get(`/logout?${new URLSearchParams({ id_token_hint: token })}`);
  assert.equal(page.status, 400);
});

test('logout: each client of the session is told once, and those without a URI or of another session are not', async () => {
  const deaf = await makeTestClient(server);
  const other = await makeTestClient(server, { backchannel_logout_uri: receiverUrl() });
  const tokens = await getTokens(server, client, user);
  await walk(tokens.agent, authorizeUrl(deaf, makePkce()), user);
  await getTokens(server, other, user);
  await signOut(tokens);
  assert.deepEqual(
    (await deliver()).map((token) => decodeJwt(token).aud),
    [client.client_id],
  );
  assert.deepEqual(await deliver(), []);
});

test('logout: signing in as somebody else in the same browser tells the clients of the one before', async () => {
  const { agent, body } = await getTokens(server, client, user);
  const other = await makeTestUser(server);
  const page = await agent.follow(await agent.get(authorizeUrl(client, makePkce(), { prompt: 'login' })));
  await agent.submit(page, { username: other.username, password: other.password });
  const [token = ''] = await deliver();
  assert.deepEqual([decodeJwt(token).sub, decodeJwt(token).sid], [user.subject, decodeJwt(body.id_token).sid]);
});

test('logout: a client that fails is told later, by a new token, up to five times', async () => {
  await signOut(await getTokens(server, client, user));
  const ids = new Set<unknown>();
  answers = [500, 404, 302, 400, 503];
  for (let time = 0; time < 5; time += 1) {
    const tokens = await deliver();
    assert.equal(tokens.length, 1);
    ids.add(decodeJwt(tokens[0] ?? '').jti);
    assert.deepEqual(await deliver(), []);
    await makeDue();
  }
  assert.equal(ids.size, 5);
  assert.deepEqual(await deliver(), []);
  const [row] = await server.db.sql`select attempts, gave_up_at is not null as gave_up, delivered_at from logout_notices`;
  assert.deepEqual({ ...row }, { attempts: 5, gave_up: true, delivered_at: null });
});

test('logout: a client that was away for one attempt is told by the next', async () => {
  await signOut(await getTokens(server, client, user));
  answers = [503];
  assert.equal((await deliver()).length, 1);
  await makeDue();
  assert.equal((await deliver()).length, 1);
  await makeDue();
  assert.deepEqual(await deliver(), []);
  const [row] = await server.db.sql`select delivered_at is not null as delivered from logout_notices`;
  assert.equal(row?.delivered, true);
});

test('logout: both members of the discovery document say so', async () => {
  const document = (await (await fetch(server.url('/.well-known/openid-configuration'))).json()) as Record<string, unknown>;
  assert.deepEqual([document.backchannel_logout_supported, document.backchannel_logout_session_supported], [true, true]);
});

const redirect_uris = ['https://client.example/cb'];

const register = async (method: string, url: string, metadata: object, token?: string) => {
  const headers = { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  const response = await fetch(url, { method, headers, body: JSON.stringify(metadata) });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
};

test('logout: backchannel_logout_uri and _session_required are registered, shown, changed and taken back', async () => {
  const wanted = { backchannel_logout_uri: 'https://client.example/out', backchannel_logout_session_required: true };
  const { status, body } = await register('POST', server.url('/clients/register'), { redirect_uris, ...wanted });
  assert.equal(status, 201);
  assert.partialDeepStrictEqual(body, wanted);
  const { client_id = '', registration_access_token: token = '' } = body;
  const url = server.url(`/clients/register/${client_id}`);
  const changed = { redirect_uris, client_id, backchannel_logout_uri: 'https://client.example/elsewhere' };
  assert.partialDeepStrictEqual((await register('PUT', url, changed, token)).body, {
    backchannel_logout_uri: changed.backchannel_logout_uri,
    backchannel_logout_session_required: false,
  });
  const without = await register('PUT', url, { redirect_uris, client_id }, token);
  assert.equal('backchannel_logout_uri' in without.body, false);
});

for (const backchannel_logout_uri of [
  'http://client.example/out',
  'https://client.example/out#x',
  'https://169.254.169.254/',
  'https://[::1]/',
  'ftp://x',
  7,
])
  test(`logout: SSRF: the backchannel_logout_uri ${backchannel_logout_uri} is not registered`, async () => {
    const { status, body } = await register('POST', server.url('/clients/register'), { redirect_uris, backchannel_logout_uri });
    assert.deepEqual([status, body.error], [400, 'invalid_client_metadata']);
    assert.match(body.error_description ?? '', /backchannel_logout_uri/);
  });

test('logout: a browser that is not signed in leaves no notice', async () => {
  await createUserAgent(server).get('/logout');
  assert.deepEqual(await deliver(), []);
});
