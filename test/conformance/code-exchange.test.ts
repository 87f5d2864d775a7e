/** Checks the exchange of authorization codes from outside: PKCE, single use, replay, and what does not burn a code. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { digest } from '../../lib/protocol/digest.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertRefused, introspect, refreshWith, userinfo } from '../support/calls.ts';
import { exchangeForm, type Flow, getCode, makePkce, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let other: TestClient;
let user: TestUser;
/** Signed in once: every further code costs no password. */
let agent: UserAgent;

before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  other = await makeTestClient(server);
  user = await makeTestUser(server);
  agent = createUserAgent(server);
});
after(() => server.stop());

const codeFor = (parameters: Record<string, string | undefined> = {}, of = client) =>
  getCode(server, of, user, parameters, agent);
const exchange = (flow: Flow, more: Record<string, string> = {}, of = client) =>
  postForm(server, '/oauth/token', { ...exchangeForm(client, flow), ...more }, of);
const isActive = async (token: string, of = client) => (await introspect(server, of, token)).active;

test('P5: a missing verifier is invalid_grant where a challenge was sent', async () => {
  const flow = await codeFor();
  const { code_verifier: _, ...form } = exchangeForm(client, flow);
  assertRefused(await postForm(server, '/oauth/token', form, client), 400, 'invalid_grant');
  assert.equal((await exchange(flow)).status, 200);
});

test('P6: a wrong verifier is invalid_grant and does not consume the code', async () => {
  const flow = await codeFor();
  for (const code_verifier of [makePkce().verifier, flow.pkce.challenge, 'short', `${flow.pkce.verifier}=`]) {
    assertRefused(await exchange(flow, { code_verifier }), 400, 'invalid_grant');
  }
  assert.equal((await exchange(flow)).status, 200);
});

test('P7: a verifier without a challenge in the request is invalid_request: the challenge was stripped', async () => {
  const lenient = await makeTestClient(server, { require_pkce: false });
  const flow = await codeFor({ code_challenge: undefined, code_challenge_method: undefined }, lenient);
  const form = exchangeForm(lenient, flow);
  assertRefused(await postForm(server, '/oauth/token', form, lenient), 400, 'invalid_request');
  const { code_verifier: _, ...plain } = form;
  assert.equal((await postForm(server, '/oauth/token', plain, lenient)).status, 200);
});

test('C1: a second valid request is invalid_grant and everything from the first use is dead', async () => {
  const flow = await codeFor();
  const first = (await exchange(flow)).body;
  assert.equal(await isActive(first.access_token), true);
  assertRefused(await exchange(flow), 400, 'invalid_grant');
  assert.deepEqual(await introspect(server, client, first.access_token), { active: false });
  assert.deepEqual(await introspect(server, client, first.refresh_token), { active: false });
  assert.equal((await userinfo(server, first.access_token)).status, 401);
  assertRefused(await refreshWith(server, client, first.refresh_token), 400, 'invalid_grant');
});

test('C1: tokens that were refreshed from the first use are dead as well', async () => {
  const flow = await codeFor();
  const refreshed = await refreshWith(server, client, (await exchange(flow)).body.refresh_token);
  assertRefused(await exchange(flow), 400, 'invalid_grant');
  assert.equal(await isActive(refreshed.body.access_token), false);
  assertRefused(await refreshWith(server, client, refreshed.body.refresh_token), 400, 'invalid_grant');
});

test('C2: a replay with a wrong verifier, by a wrong client or with a bad secret leaves the first tokens alone', async () => {
  const flow = await codeFor();
  const first = (await exchange(flow)).body;
  assertRefused(await exchange(flow, { code_verifier: makePkce().verifier }), 400, 'invalid_grant');
  assertRefused(await exchange(flow, { redirect_uri: 'https://client.example/other' }), 400, 'invalid_grant');
  assertRefused(await exchange(flow, {}, other), 400, 'invalid_grant');
  const impostor = { ...client, basic: `Basic ${btoa(`${client.client_id}:wrong`)}` };
  assertRefused(await exchange(flow, {}, impostor), 401, 'invalid_client');
  assert.equal(await isActive(first.access_token), true);
  assert.equal((await refreshWith(server, client, first.refresh_token)).status, 200);
});

test('C3: of 50 valid requests at once exactly one succeeds, none meets a server error, and the family ends', async () => {
  const flow = await codeFor();
  const answers = await Promise.all(Array.from({ length: 50 }, () => exchange(flow)));
  const winners = answers.filter(({ status }) => status === 200);
  assert.equal(winners.length, 1);
  for (const loser of answers.filter(({ status }) => status !== 200)) assertRefused(loser, 400, 'invalid_grant');
  // The other 49 are replays by an authenticated client with the right verifier.
  const token = winners[0]?.body.access_token ?? '';
  assert.equal(await isActive(token), false);
  const families = await server.db.sql`
    select f.revoked_at from token_families f join authorization_codes c using (family_id) where c.code_hash = ${digest(flow.code)}`;
  assert.equal(families.length, 1);
  assert.ok(families[0]?.revoked_at);
});

test('C3: in a race against a thief without the verifier the client alone wins, and keeps its tokens', async () => {
  const flow = await codeFor();
  const thief = () => exchange(flow, { code_verifier: makePkce().verifier });
  const [first, own, last] = await Promise.all([thief(), exchange(flow), thief()]);
  assertRefused(first, 400, 'invalid_grant');
  assertRefused(last, 400, 'invalid_grant');
  assert.equal(own.status, 200);
  assert.equal(await isActive(own.body.access_token), true);
});

test('C4: the code of one client is invalid_grant for another and stays good for the first', async () => {
  const flow = await codeFor();
  assertRefused(await exchange(flow, {}, other), 400, 'invalid_grant');
  assert.equal((await exchange(flow)).status, 200);
});

test('C5: a bad redirect_uri, resource, secret or grant type does not burn the code', async () => {
  const flow = await codeFor();
  assertRefused(await exchange(flow, { redirect_uri: 'https://client.example/cb/' }), 400, 'invalid_grant');
  assertRefused(await exchange(flow, { resource: 'https://elsewhere.example/' }), 400, 'invalid_target');
  const impostor = { ...client, basic: `Basic ${btoa(`${client.client_id}:wrong`)}` };
  assertRefused(await exchange(flow, {}, impostor), 401, 'invalid_client');
  assertRefused(await exchange(flow, { grant_type: 'code' }), 400, 'unsupported_grant_type');
  const [row] = await server.db.sql`select redeemed_at from authorization_codes where code_hash = ${digest(flow.code)}`;
  assert.equal(row?.redeemed_at, null);
  assert.equal((await exchange(flow)).status, 200);
});

test('C6: a code lives for a minute at most, and an expired one is invalid_grant', async () => {
  const flow = await codeFor();
  const hash = digest(flow.code);
  const [row] = await server.db.sql`
    select extract(epoch from expires_at - issued_at)::float8 as seconds from authorization_codes where code_hash = ${hash}`;
  assert.ok((row?.seconds as number) <= 60);
  await server.db.sql`update authorization_codes set expires_at = now() - interval '1 second' where code_hash = ${hash}`;
  assertRefused(await exchange(flow), 400, 'invalid_grant');
});

test('C7: a redirect_uri may be left out where PKCE ties the code to the request, and must not differ', async () => {
  const flow = await codeFor();
  assertRefused(await exchange(flow, { redirect_uri: 'https://client.example/cb?x=1' }), 400, 'invalid_grant');
  const { redirect_uri: _, ...form } = exchangeForm(client, flow);
  assert.equal((await postForm(server, '/oauth/token', form, client)).status, 200);
});

test('C7: without PKCE a redirect_uri that was in the request is required', async () => {
  const lenient = await makeTestClient(server, { require_pkce: false });
  const flow = await codeFor({ code_challenge: undefined, code_challenge_method: undefined }, lenient);
  const form = { grant_type: 'authorization_code', code: flow.code };
  assertRefused(await postForm(server, '/oauth/token', form, lenient), 400, 'invalid_grant');
  assert.equal(
    (await postForm(server, '/oauth/token', { ...form, redirect_uri: 'https://client.example/cb' }, lenient)).status,
    200,
  );
});

test('C8: a code holds 256 random bits and only its digest is stored', async () => {
  const { code } = await codeFor();
  const { code: next } = await codeFor();
  assert.ok(Buffer.from(code, 'base64url').length >= 32);
  assert.notEqual(code.slice(0, 8), next.slice(0, 8));
  const rows = await server.db.sql<{ row: string; hash: Uint8Array }[]>`
    select c::text as row, code_hash as hash from authorization_codes c`;
  assert.ok(rows.some(({ hash }) => Buffer.from(hash).equals(digest(code))));
  assert.ok(rows.every(({ row }) => !row.includes(code)));
});

test('C9: reuse is refused at once and after half a minute', async () => {
  for (const seconds of [0, 31]) {
    const flow = await codeFor();
    assert.equal((await exchange(flow)).status, 200);
    await server.db.sql`
      update authorization_codes set issued_at = issued_at - make_interval(secs => ${seconds}),
        redeemed_at = redeemed_at - make_interval(secs => ${seconds}), expires_at = expires_at - make_interval(secs => ${seconds})
      where code_hash = ${digest(flow.code)}`;
    assertRefused(await exchange(flow), 400, 'invalid_grant');
  }
});

test('RFC 6749 §4.1.3: an unknown, empty or endless code is refused without a trace of why', async () => {
  const flow = await codeFor();
  assertRefused(await exchange(flow, { code: 'nonsense' }), 400, 'invalid_grant');
  assertRefused(await exchange(flow, { code: '' }), 400, 'invalid_request');
  assertRefused(await exchange(flow, { code: 'x'.repeat(20_000) }), 400, 'invalid_grant');
});

test('RFC 6749 §4.1.3: the code of a user who was disabled or who signed out is invalid_grant', async () => {
  const flow = await codeFor();
  const hash = digest(flow.code);
  await server.db.sql`update users set disabled_at = now() where subject = ${user.subject}`;
  assertRefused(await exchange(flow), 400, 'invalid_grant');
  await server.db.sql`update users set disabled_at = null where subject = ${user.subject}`;
  await server.db.sql`
    update sessions set ended_at = now() where session_id = (select session_id from authorization_codes where code_hash = ${hash})`;
  assertRefused(await exchange(flow), 400, 'invalid_grant');
});

test('RFC 6749 §4.1.3: a sign-out in the middle of an exchange is a refusal and no replay: nothing is counted or recorded as an attack', async () => {
  const flow = await codeFor();
  const [code] = await server.db
    .sql`select session_id, family_id from authorization_codes where code_hash = ${digest(flow.code)}`;
  server.output.clear();
  const answer = await server.db.sql.begin(async (transaction) => {
    await transaction`update sessions set ended_at = now() where session_id = ${code?.session_id}`;
    const exchanged = exchange(flow);
    // The code was looked up as a good one, and its redemption waits for the sign-out.
    const waiting = () => server.db.sql`
      select from pg_stat_activity where datname = current_database() and usename = 'oauth2_api' and wait_event_type = 'Lock'`;
    while ((await waiting()).length === 0);
    return { exchanged };
  });
  assertRefused(await answer.exchanged, 400, 'invalid_grant');
  const [line] = server.output.logs().filter(({ message }) => message === 'request');
  assert.equal(line?.detail, 'session has ended');
  assert.ok(!server.output.metrics().some((metric) => 'oauth_token_revoked_total' in metric));
  assert.deepEqual([...(await server.db.sql`select from token_families where family_id = ${code?.family_id}`)], []);
  assert.deepEqual(
    [
      ...(await server.db
        .sql`select from events where type = 'authorization_code_reused' and data ->> 'session_id' = ${code?.session_id}`),
    ],
    [],
  );
});
