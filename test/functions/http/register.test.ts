/** Checks what the registration function stores of a client. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { digest } from '../../../lib/protocol/digest.ts';
import { callFunction } from '../../support/gateway-event.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
before(async () => {
  server = await startServer({ OAUTH2_REGISTRATION: 'open', OAUTH2_REGISTRATION_REQUIRE_PKCE: 'false' });
});
after(() => server.stop());

const register = (metadata: object, source_ip = '127.0.0.1') =>
  callFunction('register', {
    path: '/clients/register',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: ['https://app.example/cb'], ...metadata }),
    source_ip,
  });

test('J8: secret and registration access token are stored as their digests', async () => {
  const told = JSON.parse((await register({})).body);
  const [row] = await server.db.sql`
    select client_secret_hash as secret, registration_access_token_hash as token from clients where client_id = ${told.client_id}`;
  assert.deepEqual(Buffer.from(row?.secret as Uint8Array), digest(told.client_secret));
  assert.deepEqual(Buffer.from(row?.token as Uint8Array), digest(told.registration_access_token));
});

test('P9: whether PKCE is required of a confidential client is a setting; of a public one it always is', async () => {
  const requirement = async (metadata: object) => {
    const { client_id } = JSON.parse((await register(metadata)).body);
    const [row] = await server.db.sql`select require_pkce from clients where client_id = ${client_id}`;
    return row?.require_pkce;
  };
  assert.equal(await requirement({}), false);
  assert.equal(await requirement({ token_endpoint_auth_method: 'none' }), true);
});

test('a refused registration is not counted against the address', async () => {
  for (let attempt = 0; attempt < 35; attempt += 1)
    assert.equal((await register({ grant_types: ['x'] }, '192.0.2.9')).statusCode, 400);
  assert.equal((await register({}, '192.0.2.9')).statusCode, 201);
});
