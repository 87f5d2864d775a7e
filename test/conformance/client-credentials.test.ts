/** Checks the client's own tokens from outside: who gets them, what they say, and that a remembered client is not trusted blindly. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeJwt } from 'jose';
import { digest } from '../../lib/protocol/digest.ts';
import { makeTestClient, type TestClient } from '../support/accounts.ts';
import { assertRefused, introspect } from '../support/calls.ts';
import { postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const ask = (client: TestClient, more: Record<string, string> = {}) =>
  postForm(server, '/oauth/token', { grant_type: 'client_credentials', ...more }, client);

test('T12: a public client gets no token of its own', async () => {
  const spa = await makeTestClient(server, { token_endpoint_auth_method: 'none' });
  assertRefused(await ask(spa), 400, 'unauthorized_client');
  // Even where somebody wrote the grant type into its row.
  const odd = await makeTestClient(server, { token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] });
  assertRefused(await ask(odd), 400, 'unauthorized_client');
});

test('T12: no refresh token and no ID token come with it', async () => {
  const { body } = await ask(await makeTestClient(server), { scope: 'read' });
  assert.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'scope', 'token_type']);
  assert.deepEqual([body.token_type, body.expires_in], ['Bearer', 900]);
});

test('RFC 9068 §2.2: its subject is the client and its audience the issuer', async () => {
  const client = await makeTestClient(server);
  const claims = decodeJwt((await ask(client)).body.access_token);
  assert.deepEqual(
    [claims.sub, claims.client_id, claims.aud, claims.iss],
    [client.client_id, client.client_id, server.issuer, server.issuer],
  );
  assert.equal('auth_time' in claims, false);
});

test("T13: an end-user's scope is not for a client itself", async () => {
  assertRefused(await ask(await makeTestClient(server), { scope: 'read profile' }), 400, 'invalid_scope');
});

test('OAuth 2.1 §2.4: a client that was disabled after it got a token gets no further one', async () => {
  const client = await makeTestClient(server);
  const { body } = await ask(client);
  assert.equal((await ask(client)).status, 200);
  await server.db.sql`update clients set disabled_at = now(), updated_at = now() where client_id = ${client.client_id}`;
  assertRefused(await ask(client), 401, 'invalid_client');
  assert.equal((await ask(client)).status, 401);
  const observer = await makeTestClient(server, { resources: [server.issuer] });
  assert.deepEqual(await introspect(server, observer, body.access_token), { active: false });
});

test('OAuth 2.1 §2.4: after a change of secret the former one is refused and the new one works at once', async () => {
  const client = await makeTestClient(server);
  assert.equal((await ask(client)).status, 200);
  await server.db.sql`
    update clients set client_secret_hash = ${digest('new secret')}, updated_at = now() where client_id = ${client.client_id}`;
  assert.equal((await ask({ ...client, basic: `Basic ${btoa(`${client.client_id}:new secret`)}` })).status, 200);
  assertRefused(await ask(client), 401, 'invalid_client');
});

test('T13: a change of scope or grant types is heeded at once', async () => {
  const client = await makeTestClient(server);
  assert.equal((await ask(client, { scope: 'write' })).status, 200);
  await server.db.sql`update clients set scope = 'read', updated_at = now() where client_id = ${client.client_id}`;
  assertRefused(await ask(client, { scope: 'write' }), 400, 'invalid_scope');
  assert.equal((await ask(client)).body.scope, 'read');
  await server.db
    .sql`update clients set grant_types = '{authorization_code}', updated_at = now() where client_id = ${client.client_id}`;
  assertRefused(await ask(client), 400, 'unauthorized_client');
});

test('RFC 9068 §2.2: 50 requests at once get 50 tokens, each its own', async () => {
  const client = await makeTestClient(server);
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(client)));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal(new Set(answers.map(({ body }) => decodeJwt(body.access_token).jti)).size, 50);
});

test('J8: an access token is not stored, only what may end it early', async () => {
  const client = await makeTestClient(server);
  const { access_token } = (await ask(client)).body;
  const rows = await server.db.sql<
    { row: string }[]
  >`select t::text as row from access_tokens t where client_id = ${client.client_id}`;
  assert.equal(rows.length, 1);
  assert.equal(
    rows.some(({ row }) => row.includes(access_token.slice(-40))),
    false,
  );
});
