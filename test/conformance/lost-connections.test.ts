/** Every kind of request after its connection to the database was killed, or cut without a farewell: it is served, and what it writes is there once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { introspect, refreshWith, revoke, send, sendJson, userinfo } from '../support/calls.ts';
import { authorizeUrl, exchangeForm, makePkce, postForm } from '../support/flow.ts';
import { testDatabase } from '../support/postgres.ts';
import { openRelay, type Relay } from '../support/relay.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type Page } from '../support/user-agent.ts';

let server: TestServer;
let relay: Relay;
let admin: postgres.Sql;
let client: TestClient;
let user: TestUser;

before(async () => {
  const neighbour = await testDatabase();
  relay = await openRelay(neighbour);
  await neighbour.drop();
  server = await startServer({
    OAUTH2_REGISTRATION: 'open',
    OAUTH2_DATABASE_PORT: String(relay.port),
    // As behind RDS Proxy: unnamed statements, and one connection for each function.
    OAUTH2_DATABASE_PREPARE: 'false',
    OAUTH2_DATABASE_CONNECTIONS: '1',
  });
  admin = postgres(server.database.url, { max: 1, fetch_types: false, onnotice: () => {} });
  client = await makeTestClient(server);
  user = await makeTestUser(server);
});
after(async () => {
  relay.close();
  await admin.end();
  await server.stop();
});

/** Ends the connection of every function, and waits until it has ended. */
const kill = () =>
  admin`select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = 'oauth2_api' and datname = current_database()`;

/** Every endpoint that asks the database, in the course of a sign-in; each is broken once more before it is called. */
async function walkThrough(broken: () => Promise<unknown>): Promise<void> {
  const served = async <T extends { readonly status: number }>(status: number, ask: () => Promise<T>): Promise<T> => {
    await broken();
    const answer = await ask();
    assert.equal(answer.status, status, JSON.stringify(answer));
    return answer;
  };
  const agent = createUserAgent(server);
  const pkce = makePkce();
  const hop = (page: Page) => served(page.status === 303 ? 200 : 303, () => agent.get(page.location ?? ''));
  const start = await served(303, () => agent.get(authorizeUrl(client, pkce)));
  const login = await hop(start);
  const signedIn = await served(303, () => agent.submit(login, { username: user.username, password: user.password }));
  const asked = await served(303, () => agent.get(signedIn.location ?? ''));
  const consent = asked.location?.includes('/consent') ? await served(200, () => agent.get(asked.location ?? '')) : undefined;
  const allowed = consent && (await served(303, () => agent.submit(consent, { decision: 'allow' })));
  const back = allowed ? await served(303, () => agent.get(allowed.location ?? '')) : asked;
  const code = new URL(back.location ?? '').searchParams.get('code') ?? '';
  const form = exchangeForm(client, { agent, pkce, code });
  const { body } = await served(200, () => postForm(server, '/oauth/token', form, client));
  assert.equal((await served(200, () => userinfo(server, body.access_token))).body.sub, user.subject);
  const refreshed = await served(200, () => refreshWith(server, client, body.refresh_token));
  await broken();
  assert.equal((await introspect(server, client, refreshed.body.access_token)).active, true);
  await served(200, () => revoke(server, client, refreshed.body.refresh_token));
  await broken();
  assert.equal((await introspect(server, client, refreshed.body.access_token)).active, false);
  await served(200, () => postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client));
  const made = await served(201, () =>
    sendJson(server, '/clients/register', 'POST', { redirect_uris: ['https://client.example/cb'] }),
  );
  const { registration_access_token, client_id } = made.body;
  const headers = { authorization: `Bearer ${registration_access_token}` };
  await served(200, () => send(server, `/clients/register/${client_id}`, { headers }));
  await served(204, () => send(server, `/clients/register/${client_id}`, { method: 'DELETE', headers }));
  await served(200, () => send(server, '/ready'));
  await served(200, () => agent.get(`/logout?${new URLSearchParams({ id_token_hint: body.id_token })}`));

  const [family] = await admin`
    select f.generation, (select count(*)::integer from access_tokens a where a.family_id = f.family_id) as tokens
    from token_families f join authorization_codes c using (family_id) where c.redeemed_at is not null
    order by f.issued_at desc limit 1`;
  // The exchange and the refresh recorded one token each, and rotated once.
  assert.deepEqual({ ...family }, { generation: 1, tokens: 2 });
}

test('killed before each request of a sign-in and of all that follows, ten times over: no request fails', async () => {
  for (let round = 0; round < 10; round++) await walkThrough(kill);
});

test('cut without a farewell before each request, three times over: no request fails, and nothing is written twice', async () => {
  // Three times: only then every function, and the list of blocked addresses beside each request, has met a connection that was open before.
  for (let round = 0; round < 3; round++) await walkThrough(async () => relay.silence());
});
