/** Checks that registration is off unless it was switched on. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertRefused, send, sendJson } from '../support/calls.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

test('RFC 7591 §3.2.2: nobody registers, and nothing is stored', async () => {
  const metadata = { redirect_uris: ['https://app.example/cb'] };
  for (const headers of [{}, { authorization: 'Bearer x' }])
    assertRefused(
      await sendJson(server, '/clients/register', 'POST', metadata, headers as Record<string, string>),
      403,
      'access_denied',
    );
  const [row] = await server.db.sql`select count(*)::integer as count from clients`;
  assert.equal(row?.count, 0);
});

test('RFC 8414 §2: what is off is not advertised, in either document', async () => {
  for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'])
    assert.equal('registration_endpoint' in (await send(server, path)).body, false);
});
