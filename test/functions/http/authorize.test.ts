/** What the authorization endpoint leaves in the store and in the metrics. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { digest } from '../../../lib/protocol/digest.ts';
import { makeTestClient, makeTestUser } from '../../support/accounts.ts';
import { authorizeUrl, getCode, makePkce } from '../../support/flow.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { createUserAgent } from '../../support/user-agent.ts';

let server: TestServer;
before(async () => {
  server = await startServer({ OAUTH2_CODE_SECONDS: '45' });
});
after(() => server.stop());

test('a code carries all that the exchange needs: client, end-user, session, destination, scope, resources, nonce, challenge, claims', async () => {
  const resource = 'https://api.example';
  const client = await makeTestClient(server, { resources: [resource] });
  const user = await makeTestUser(server);
  const claims = '{"id_token":{"email":null}}';
  const flow = await getCode(server, client, user, { resource, nonce: 'n-1', claims, scope: 'openid read unknown' });
  const [row] = await server.db.sql`
    select k.*, s.authenticated_at as signed_in_at from authorization_codes k join sessions s using (session_id)
    where code_hash = ${digest(flow.code)}`;
  assert.ok(row);
  assert.equal(row.client_id, client.client_id);
  assert.equal(row.subject, user.subject);
  assert.equal(row.redirect_uri, 'https://client.example/cb');
  assert.equal(row.redirect_uri_given, true);
  assert.equal(row.scope, 'openid read');
  assert.deepEqual([...row.resources], [resource]);
  assert.equal(row.nonce, 'n-1');
  assert.equal(row.code_challenge, flow.pkce.challenge);
  assert.deepEqual(row.claims, JSON.parse(claims));
  assert.deepEqual(row.authenticated_at, row.signed_in_at);
  assert.deepEqual([...row.amr], ['pwd']);
  assert.equal(row.redeemed_at, null);
  assert.equal(row.expires_at.getTime() - row.issued_at.getTime(), 45_000);
});

test('a redirect_uri that the request did not name is stored as not given', async () => {
  const client = await makeTestClient(server);
  const flow = await getCode(server, client, await makeTestUser(server), { redirect_uri: undefined, scope: 'read' });
  const [row] = await server.db
    .sql`select redirect_uri, redirect_uri_given from authorization_codes where code_hash = ${digest(flow.code)}`;
  assert.deepEqual({ ...row }, { redirect_uri: 'https://client.example/cb', redirect_uri_given: false });
});

test('a refused request stores nothing, and an issued code is counted once', async () => {
  const client = await makeTestClient(server);
  const agent = createUserAgent(server);
  const user = await makeTestUser(server);
  const codes = async () => (await server.db.sql`select count(*)::integer as found from authorization_codes`)[0]?.found as number;
  const before = await codes();
  await agent.get(authorizeUrl(client, makePkce(), { scope: 'nonsense' }));
  await agent.get(authorizeUrl(client, makePkce(), { prompt: 'none' }));
  await agent.get(authorizeUrl(client, makePkce(), { redirect_uri: 'https://evil.example' }));
  assert.equal(await codes(), before);
  server.output.clear();
  await getCode(server, client, user);
  const counted = server.output.metrics().filter((metric) => 'oauth_authorization_codes_issued' in metric);
  assert.ok(counted.length >= 1);
  assert.equal(await codes(), before + 1);
});
