/** Checks what a change by RFC 7592 touches in the store, and what it cannot. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { callFunction } from '../../support/gateway-event.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
before(async () => {
  server = await startServer({ OAUTH2_REGISTRATION: 'open' });
});
after(() => server.stop());

const json = { 'content-type': 'application/json' };

test('RFC 7592 §2.2: a change keeps the secret, the trust and the PKCE requirement, and is seen by a function that remembers the client', async () => {
  const metadata = { redirect_uris: ['https://app.example/cb'], grant_types: ['authorization_code', 'client_credentials'] };
  const told = JSON.parse(
    (await callFunction('register', { path: '/clients/register', headers: json, body: JSON.stringify(metadata) })).body,
  );
  const basic = { authorization: `Basic ${btoa(`${told.client_id}:${told.client_secret}`)}` };
  const headers = { 'content-type': 'application/x-www-form-urlencoded', ...basic };
  const token = () => callFunction('token', { path: '/oauth/token', headers, body: 'grant_type=client_credentials' });
  assert.equal((await token()).statusCode, 200);
  const row = async () => {
    const [found] = await server.db.sql`
      select encode(client_secret_hash, 'hex') as secret, trusted, require_pkce, dynamic from clients where client_id = ${told.client_id}`;
    return { ...found };
  };
  const earlier = await row();
  const change = { client_id: told.client_id, redirect_uris: ['https://app.example/cb'], trusted: true, require_pkce: false };
  const changed = await callFunction('registration', {
    method: 'PUT',
    path: `/clients/register/${told.client_id}`,
    path_parameters: { client_id: told.client_id },
    headers: { ...json, authorization: `Bearer ${told.registration_access_token}` },
    body: JSON.stringify(change),
  });
  assert.equal(changed.statusCode, 200);
  assert.deepEqual(await row(), earlier);
  // Left out of the change, so gone: the client has no token of its own any more.
  const refused = await token();
  assert.deepEqual([refused.statusCode, JSON.parse(refused.body).error], [400, 'unauthorized_client']);
});
