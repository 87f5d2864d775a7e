/** What signing out leaves in the store, the metrics and the log. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser } from '../../support/accounts.ts';
import { getTokens } from '../../support/flow.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { createUserAgent } from '../../support/user-agent.ts';

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

test('one session ends and no other one of the end-user; its online families are revoked and counted', async () => {
  const client = await makeTestClient(server);
  const user = await makeTestUser(server);
  const here = await getTokens(server, client, user);
  const there = await getTokens(server, client, user);
  server.output.clear();
  await here.agent.get(`/logout?id_token_hint=${here.body.id_token}`);
  const rows = await server.db.sql`
    select s.ended_at is not null as ended, f.revoked_because from sessions s join token_families f using (session_id)
    where s.subject = ${user.subject} order by s.authenticated_at`;
  assert.deepEqual(
    [...rows].map((row) => ({ ...row })),
    [
      { ended: true, revoked_because: 'signed out' },
      { ended: false, revoked_because: null },
    ],
  );
  assert.ok(there.agent.cookies.has('session'));
  assert.ok(server.output.metrics().some((metric) => 'oauth_token_revoked_total' in metric));
  const [line] = server.output.logs().filter(({ message }) => message === 'request');
  assert.deepEqual([line?.route, line?.subject, line?.client_id], ['logout', user.subject, client.client_id]);
});

test('signing out deletes the cookies even where the session had ended already', async () => {
  const agent = createUserAgent(server);
  agent.cookies.set('session', 'A'.repeat(43));
  const page = await agent.get('/logout');
  assert.equal(page.status, 200);
  assert.equal(agent.cookies.has('session'), false);
});

test('the device stays known after signing out', async () => {
  const client = await makeTestClient(server);
  const { agent, body } = await getTokens(server, client, await makeTestUser(server));
  await agent.get(`/logout?id_token_hint=${body.id_token}`);
  assert.ok(agent.cookies.has('device'));
});
