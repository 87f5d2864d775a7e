/** Checks what the revocation function leaves in the store and in the metrics. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeJwt } from 'jose';
import { makeTestClient, type TestClient } from '../../support/accounts.ts';
import { callFunction } from '../../support/gateway-event.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let client: TestClient;
before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
});
after(() => server.stop());

const headers = () => ({ 'content-type': 'application/x-www-form-urlencoded', authorization: client.basic });
const revoke = (token: string) => callFunction('revoke', { path: '/oauth/revoke', headers: headers(), body: `token=${token}` });

test('the time of the first revocation stays, and only that one is counted', async () => {
  const issued = await callFunction('token', { path: '/oauth/token', headers: headers(), body: 'grant_type=client_credentials' });
  const { access_token } = JSON.parse(issued.body);
  const row = async () => {
    const [found] = await server.db.sql`select revoked_at from access_tokens where jti = ${decodeJwt(access_token).jti ?? ''}`;
    return found?.revoked_at as Date | null;
  };
  assert.equal(await row(), null);
  server.output.clear();
  assert.equal((await revoke(access_token)).statusCode, 200);
  const first = await row();
  assert.ok(first);
  assert.match(server.output.text(), /oauth_token_revoked_total/);
  server.output.clear();
  assert.equal((await revoke(access_token)).statusCode, 200);
  assert.deepEqual(await row(), first);
  assert.doesNotMatch(server.output.text(), /oauth_token_revoked_total/);
});
