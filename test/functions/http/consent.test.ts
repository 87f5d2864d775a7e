/** What the consent page shows of the place that the browser goes to next. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser } from '../../support/accounts.ts';
import { authorizeUrl, makePkce } from '../../support/flow.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { createUserAgent } from '../../support/user-agent.ts';

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

for (const [uri, shown] of [
  ['https://a.client.example:8443/cb', 'a.client.example:8443'],
  ['http://127.0.0.1:4444/cb', '127.0.0.1:4444'],
  ['http://[::1]:4444/cb', '[::1]:4444'],
  ['com.example.app:/cb', 'com.example.app:'],
] as const) {
  test(`the consent page names ${shown} for ${uri}`, async () => {
    const client = await makeTestClient(server, { redirect_uris: [uri], trusted: false });
    const user = await makeTestUser(server);
    const agent = createUserAgent(server);
    const signIn = await agent.follow(await agent.get(authorizeUrl(client, makePkce())));
    const page = await agent.follow(await agent.submit(signIn, { username: user.username, password: user.password }));
    const host = /id="redirect-host">(.*?)<\/strong>/.exec(page.text)?.[1]?.replaceAll('<wbr>', '');
    assert.equal(host, shown);
  });
}

test('a refused client finds a consent that it was given and that was withdrawn no consent at all', async () => {
  const client = await makeTestClient(server, { trusted: false });
  const user = await makeTestUser(server);
  const agent = createUserAgent(server);
  const signIn = await agent.follow(await agent.get(authorizeUrl(client, makePkce())));
  const page = await agent.follow(await agent.submit(signIn, { username: user.username, password: user.password }));
  await agent.submit(page, { decision: 'allow' });
  await server.db.sql`update grants set revoked_at = now() where subject = ${user.subject}`;
  const next = await agent.get(authorizeUrl(client, makePkce(), { scope: 'openid' }));
  assert.ok(next.location?.startsWith(`${server.issuer}/consent?`), next.location);
  const again = await agent.follow(next);
  await agent.submit(again, { decision: 'allow' });
  // What was withdrawn does not come back with what is allowed now.
  const [row] = await server.db.sql`select scope, revoked_at from grants where subject = ${user.subject}`;
  assert.deepEqual({ ...row }, { scope: 'openid', revoked_at: null });
});
