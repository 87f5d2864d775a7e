/** Counts the statements that each request costs, as the Postgres server counts them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { introspect, refreshWith, revoke, send, userinfo } from '../support/calls.ts';
import { authorizeUrl, exchangeForm, getCode, makePkce, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
let agent: UserAgent;
let counter: postgres.Sql;

before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  user = await makeTestUser(server);
  agent = createUserAgent(server);
  counter = postgres(server.database.url, { max: 1, fetch_types: false });
});
after(async () => {
  await counter.end();
  await server.stop();
});

/**
 * Everything that the request path's role ran in this database; `begin` and `commit` count too. The list of blocked addresses belongs to the
 * sandbox, not to a request: it is counted by itself.
 */
async function ran(ofGate = false): Promise<{ query: string; calls: number }[]> {
  return counter<{ query: string; calls: number }[]>`
    select s.query, s.calls::integer as calls from pg_stat_statements s
    join pg_database d on d.oid = s.dbid join pg_roles r on r.oid = s.userid
    where d.datname = ${server.database.name} and r.rolname = 'oauth2_api' and (s.query like '%from blocks%') = ${ofGate}`;
}
const total = (rows: { calls: number }[]) => rows.reduce((sum, { calls }) => sum + calls, 0);

/** How many statements some work costs. */
async function countStatements<T>(work: () => Promise<T>): Promise<{ statements: number; result: T }> {
  const earlier = total(await ran());
  const result = await work();
  return { statements: total(await ran()) - earlier, result };
}

async function flow() {
  return getCode(server, client, user, {}, agent);
}

test('the counter sees what it should: a statement that is made counts', async () => {
  const { statements, result } = await countStatements(() =>
    postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client),
  );
  assert.equal(result.status, 200);
  assert.ok(statements > 0);
});

test('client_credentials: 2 where the client is new to the function, 1 where it is known', async () => {
  const fresh = await makeTestClient(server);
  const ask = () => postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, fresh);
  assert.equal((await countStatements(ask)).statements, 2);
  for (let time = 0; time < 3; time += 1) assert.equal((await countStatements(ask)).statements, 1);
});

test('the list of blocked addresses: one statement in half a minute for each function, not for each request', async () => {
  const started = Date.now();
  for (let time = 0; time < 10; time += 1) await introspect(server, client, 'nonsense');
  const halfMinutes = 1 + Math.ceil((Date.now() - started) / 30_000);
  const calls = total(await ran(true));
  // Of `token`, which the tests before have asked, and of `introspect`.
  assert.ok(calls >= 2 && calls <= 2 * halfMinutes, `${calls}`);
});

test('code exchange: at most 3', async () => {
  const issued = await flow();
  const { statements, result } = await countStatements(() =>
    postForm(server, '/oauth/token', exchangeForm(client, issued), client),
  );
  assert.equal(result.status, 200);
  assert.ok(statements <= 3, `${statements}`);
});

test('refresh: at most 2, for a rotation and for a retry', async () => {
  const { body } = await postForm(server, '/oauth/token', exchangeForm(client, await flow()), client);
  for (const kind of ['rotation', 'retry']) {
    const { statements, result } = await countStatements(() => refreshWith(server, client, body.refresh_token));
    assert.equal(result.status, 200);
    assert.ok(statements <= 2, `${kind}: ${statements}`);
  }
});

test('introspection: 1, of an access token, of a refresh token and of text that is neither', async () => {
  const { body } = await postForm(server, '/oauth/token', exchangeForm(client, await flow()), client);
  await introspect(server, client, body.access_token);
  for (const token of [body.access_token, body.refresh_token, 'nonsense'])
    assert.equal((await countStatements(() => introspect(server, client, token))).statements, 1);
});

test('userinfo: 1; revocation: at most 2', async () => {
  const { body } = await postForm(server, '/oauth/token', exchangeForm(client, await flow()), client);
  await userinfo(server, body.access_token);
  await revoke(server, client, 'a.b.c');
  const told = await countStatements(() => userinfo(server, body.access_token));
  assert.deepEqual([told.result.status, told.statements], [200, 1]);
  await revoke(
    server,
    client,
    (await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client)).body.access_token,
  );
  for (const token of [body.access_token, body.refresh_token])
    assert.ok((await countStatements(() => revoke(server, client, token))).statements <= 2);
});

test('authorization: at most 2, to the login page and to a code', async () => {
  const stranger = await countStatements(() => createUserAgent(server).get(authorizeUrl(client, makePkce())));
  assert.match(stranger.result.location ?? '', /\/login/);
  assert.ok(stranger.statements <= 2, `${stranger.statements}`);
  await flow();
  const signedIn = await countStatements(() => agent.get(authorizeUrl(client, makePkce())));
  assert.match(signedIn.result.location ?? '', /[?&]code=/);
  assert.ok(signedIn.statements <= 2, `${signedIn.statements}`);
});

// The session is locked before it is ended, in one transaction: whoever exchanges a code of it meanwhile gets nothing that lives on.
test('sign-out: at most 5 with begin and commit, with notices to the clients of the session too', async () => {
  const listening = await makeTestClient(server, { backchannel_logout_uri: 'https://client.example/logout' });
  for (const one of [client, listening]) {
    const issued = await getCode(server, one, user);
    const { body } = await postForm(server, '/oauth/token', exchangeForm(one, issued), one);
    const query = new URLSearchParams({ id_token_hint: body.id_token });
    await createUserAgent(server).get(`/logout?${query}`);
    const { statements, result } = await countStatements(() => issued.agent.get(`/logout?${query}`));
    assert.equal(result.status, 200);
    assert.ok(statements <= 5, `${statements}`);
  }
  const notices = await server.db.sql`select from logout_notices where client_id = ${listening.client_id}`;
  assert.equal(notices.length, 1);
});

test('discovery and JWKS: 0 when warm', async () => {
  const paths = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/.well-known/jwks.json'];
  for (const path of paths) assert.equal((await send(server, path)).status, 200);
  for (const path of paths) assert.equal((await countStatements(() => send(server, path))).statements, 0, path);
});

test('a refusal costs no more than two statements: one to look, one to count', async () => {
  const wrong = { ...client, basic: `Basic ${btoa(`${client.client_id}:wrong`)}` };
  const { statements, result } = await countStatements(() => refreshWith(server, wrong, `rt_${'A'.repeat(64)}`));
  assert.equal(result.status, 401);
  assert.ok(statements <= 2, `${statements}`);
});
