/** Checks how a registered client reads, changes and deletes itself (RFC 7592). */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { type Answer, assertRefused, introspect, refreshWith, send, sendJson, userinfo } from '../support/calls.ts';
import { getCode, getTokens, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let user: TestUser;
before(async () => {
  server = await startServer({ OAUTH2_REGISTRATION: 'open', OAUTH2_REGISTRATION_SCOPE: 'openid read' });
  user = await makeTestUser(server);
});
after(() => server.stop());
beforeEach(() => server.db.sql`truncate throttles`);

const redirect_uris = ['https://app.example/cb'];
interface Registered {
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly bearer: { readonly authorization: string };
  readonly client: TestClient;
}
async function register(metadata: object = {}): Promise<Registered> {
  const { status, body } = await sendJson(server, '/clients/register', 'POST', {
    redirect_uris,
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    ...metadata,
  });
  assert.equal(status, 201);
  return {
    path: `/clients/register/${body.client_id}`,
    body,
    bearer: { authorization: `Bearer ${body.registration_access_token}` },
    client: { ...body, basic: `Basic ${btoa(`${body.client_id}:${body.client_secret}`)}` } as never,
  };
}
const read = (path: string, headers: Record<string, string>): Promise<Answer> => send(server, path, { headers });

test('RFC 7592 §2.1: a client reads what it registered', async () => {
  const { path, bearer, body } = await register({ client_name: 'App' });
  const answer = await read(path, bearer);
  assert.deepEqual([answer.status, answer.headers.get('cache-control')], [200, 'no-store']);
  const { client_secret: _, client_secret_expires_at: __, ...expected } = body;
  assert.deepEqual(answer.body, expected);
});

test('RFC 7592 §2.1: a wrong, a foreign and no registration access token are 401', async () => {
  const { path, body } = await register();
  const stranger = await register();
  for (const token of ['wrong', body.client_secret, body.client_id, stranger.body.registration_access_token])
    assertRefused(await read(path, { authorization: `Bearer ${token}` }), 401, 'invalid_token');
  const bare = await read(path, {});
  assert.equal(bare.status, 401);
  assert.match(bare.headers.get('www-authenticate') ?? '', /^Bearer\b(?!.*error)/);
  assertRefused(await sendJson(server, path, 'PUT', body, { authorization: 'Bearer wrong' }), 401, 'invalid_token');
  assertRefused(await send(server, path, { method: 'DELETE', headers: { authorization: 'Bearer wrong' } }), 401, 'invalid_token');
});

test('RFC 7592 §2.1: a client that is gone, disabled or of an operator is 401 in the same words', async () => {
  const { path, bearer, body } = await register();
  const gone = await read('/clients/register/nobody', bearer);
  assertRefused(gone, 401, 'invalid_token');
  const own = await makeTestClient(server);
  assert.deepEqual((await read(`/clients/register/${own.client_id}`, bearer)).body, gone.body);
  await server.db.sql`update clients set disabled_at = now() where client_id = ${String(body.client_id)}`;
  assert.deepEqual((await read(path, bearer)).body, gone.body);
});

test('RFC 7592 §2.2: a client replaces its metadata, and what it leaves out is gone', async () => {
  const { path, bearer, body, client } = await register({ client_name: 'App', client_uri: 'https://app.example/' });
  const wish = {
    client_id: body.client_id,
    client_secret: body.client_secret,
    redirect_uris: ['https://app.example/new'],
    client_name: 'New',
  };
  const answer = await sendJson(server, path, 'PUT', wish, bearer);
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.body.client_name, answer.body.redirect_uris], ['New', wish.redirect_uris]);
  assert.equal('client_uri' in answer.body, false);
  assert.deepEqual((await read(path, bearer)).body, answer.body);
  await assert.rejects(getCode(server, client, user), /no redirect to the client but 400/);
});

test('RFC 7592 §2.2: a change must carry the client_id, a right secret if any, and nothing that the server issued', async () => {
  const { path, bearer, body } = await register();
  const good = { client_id: body.client_id, redirect_uris };
  const bad = [
    { redirect_uris },
    { ...good, client_id: 'other' },
    { ...good, client_secret: 'wrong' },
    { ...good, client_secret: null },
    { ...good, registration_access_token: body.registration_access_token },
    { ...good, registration_client_uri: body.registration_client_uri },
    { ...good, client_secret_expires_at: 0 },
    { ...good, client_id_issued_at: 1 },
    { ...good, token_endpoint_auth_method: 'none' },
    { ...good, jwks: {}, jwks_uri: 'https://app.example/jwks' },
    { ...good, scope: 'admin' },
  ];
  for (const wish of bad) assertRefused(await sendJson(server, path, 'PUT', wish, bearer), 400, 'invalid_client_metadata');
  assertRefused(
    await sendJson(server, path, 'PUT', { ...good, redirect_uris: ['javascript:1'] }, bearer),
    400,
    'invalid_redirect_uri',
  );
  assert.deepEqual((await read(path, bearer)).body.grant_types, body.grant_types);
});

test('RFC 7592 §2.3: DELETE is 204, kills every token and code, and ends the registration access token', async () => {
  const { path, bearer, client, body } = await register();
  const observer = await makeTestClient(server, { resources: [server.issuer] });
  const tokens = (await getTokens(server, client, user)).body;
  const own = (await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client)).body;
  const flow = await getCode(server, client, user);
  assert.equal((await introspect(server, observer, tokens.access_token)).active, true);
  const answer = await send(server, path, { method: 'DELETE', headers: bearer });
  assert.deepEqual([answer.status, answer.text], [204, '']);
  for (const token of [tokens.access_token, own.access_token])
    assert.deepEqual(await introspect(server, observer, token), { active: false });
  assert.equal((await userinfo(server, tokens.access_token)).status, 401);
  assertRefused(await refreshWith(server, client, tokens.refresh_token), 401, 'invalid_client');
  assertRefused(await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client), 401, 'invalid_client');
  const form = { grant_type: 'authorization_code', code: flow.code, code_verifier: flow.pkce.verifier };
  assertRefused(await postForm(server, '/oauth/token', form, client), 401, 'invalid_client');
  assertRefused(await read(path, bearer), 401, 'invalid_token');
  const [row] = await server.db.sql`select count(*)::integer as count from clients where client_id = ${String(body.client_id)}`;
  assert.equal(row?.count, 0);
});

test('RFC 7592 §2: POST is 405, and odd paths are no client', async () => {
  const { path, bearer } = await register();
  assertRefused(await sendJson(server, path, 'POST', {}, bearer), 405, 'invalid_request');
  for (const odd of ['%00', '%ff', '..%2f..', "'--", '%F0%9F%98%80']) {
    const answer = await read(`/clients/register/${odd}`, bearer);
    assert.ok(answer.status === 401 || answer.status === 404, `${odd}: ${answer.status}`);
  }
});
