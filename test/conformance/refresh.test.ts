/** Checks refresh tokens from outside with the retry grace on: rotation, reuse, theft, scope, resources, lifetimes. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeJwt } from 'jose';
import { readFamilyId } from '../../lib/protocol/refresh-token.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertRefused, introspect, refreshWith, userinfo } from '../support/calls.ts';
import { exchangeForm, getCode, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

const resources = ['https://a.example/api', 'https://b.example/api'];
let server: TestServer;
let client: TestClient;
let spa: TestClient;
let user: TestUser;
let agent: UserAgent;

before(async () => {
  server = await startServer();
  client = await makeTestClient(server, { resources });
  spa = await makeTestClient(server, { token_endpoint_auth_method: 'none' });
  user = await makeTestUser(server);
  agent = createUserAgent(server);
});
after(() => server.stop());

async function tokensFor(of = client, parameters: Record<string, string | undefined> = {}, through = agent, whose = user) {
  const flow = await getCode(server, of, whose, parameters, through);
  return (await postForm(server, '/oauth/token', exchangeForm(of, flow), of)).body;
}
/** Moves a family back in time, as if so many seconds had passed. */
const age = (token: string, seconds: number) => server.db.sql`
  update token_families set rotated_at = rotated_at - make_interval(secs => ${seconds}), issued_at = issued_at - make_interval(secs => ${seconds}),
    expires_at = expires_at - make_interval(secs => ${seconds}), refresh_expires_at = refresh_expires_at - make_interval(secs => ${seconds})
  where family_id = ${readFamilyId(token) ?? ''}`;
const family = async (token: string) => {
  const [row] = await server.db.sql`select * from token_families where family_id = ${readFamilyId(token) ?? ''}`;
  return row as Record<string, unknown>;
};

test('R1: each refresh of a public client returns a new refresh token, and the former one is not fresh any more', async () => {
  const first = await tokensFor(spa);
  const second = await refreshWith(server, spa, first.refresh_token);
  const third = await refreshWith(server, spa, second.body.refresh_token);
  assert.equal(new Set([first, second.body, third.body].map(({ refresh_token }) => refresh_token)).size, 3);
  assert.equal((await userinfo(server, third.body.access_token)).status, 200);
  assertRefused(await refreshWith(server, spa, first.refresh_token), 400, 'invalid_grant');
});

test('R2: reuse after the grace is invalid_grant and ends the current refresh token, the access tokens and the family', async () => {
  const first = await tokensFor();
  const second = (await refreshWith(server, client, first.refresh_token)).body;
  await age(first.refresh_token, 31);
  assertRefused(await refreshWith(server, client, first.refresh_token), 400, 'invalid_grant');
  assertRefused(await refreshWith(server, client, second.refresh_token), 400, 'invalid_grant');
  for (const token of [first.access_token, second.access_token, second.refresh_token])
    assert.deepEqual(await introspect(server, client, token), { active: false });
  assert.equal((await userinfo(server, second.access_token)).status, 401);
  assert.equal((await family(first.refresh_token)).revoked_because, 'refresh token reused');
});

test('R3: reuse inside the grace gets the same successor, and the family does not fork', async () => {
  const first = await tokensFor();
  const second = (await refreshWith(server, client, first.refresh_token)).body;
  await age(first.refresh_token, 20);
  const retried = (await refreshWith(server, client, first.refresh_token)).body;
  assert.equal(retried.refresh_token, second.refresh_token);
  assert.notEqual(retried.access_token, second.access_token);
  assert.equal((await family(first.refresh_token)).generation, 1);
  assert.equal((await refreshWith(server, client, second.refresh_token)).status, 200);
});

test('R3: the grace is one step deep: two rotations on, the first token is reuse', async () => {
  const first = await tokensFor();
  const second = (await refreshWith(server, client, first.refresh_token)).body;
  const third = (await refreshWith(server, client, second.refresh_token)).body;
  assertRefused(await refreshWith(server, client, first.refresh_token), 400, 'invalid_grant');
  assertRefused(await refreshWith(server, client, third.refresh_token), 400, 'invalid_grant');
});

test('R4: an expired refresh token gets no grace', async () => {
  const first = await tokensFor();
  await age(first.refresh_token, 1_209_601);
  assertRefused(await refreshWith(server, client, first.refresh_token), 400, 'invalid_grant');
  const other = await tokensFor();
  await refreshWith(server, client, other.refresh_token);
  await server.db.sql`
    update token_families set refresh_expires_at = now() - interval '1 second' where family_id = ${readFamilyId(other.refresh_token) ?? ''}`;
  assertRefused(await refreshWith(server, client, other.refresh_token), 400, 'invalid_grant');
});

test('R5: 50 refreshes at once all succeed with the same successor, and one lineage remains', async () => {
  const { refresh_token } = await tokensFor();
  const answers = await Promise.all(Array.from({ length: 50 }, () => refreshWith(server, client, refresh_token)));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.equal(new Set(answers.map(({ body }) => body.refresh_token)).size, 1);
  const { generation, revoked_at } = await family(refresh_token);
  assert.deepEqual({ generation, revoked_at }, { generation: 1, revoked_at: null });
  assert.equal((await refreshWith(server, client, answers[0]?.body.refresh_token ?? '')).status, 200);
});

test('R6: the refresh token of one client is invalid_grant for another, and the first is unaffected', async () => {
  const { refresh_token } = await tokensFor();
  assertRefused(await refreshWith(server, await makeTestClient(server), refresh_token), 400, 'invalid_grant');
  assertRefused(await refreshWith(server, spa, refresh_token), 400, 'invalid_grant');
  assert.equal((await refreshWith(server, client, refresh_token)).status, 200);
});

test('R7: a confidential client that does not authenticate is invalid_client', async () => {
  const { refresh_token } = await tokensFor();
  const form = { grant_type: 'refresh_token', refresh_token };
  assertRefused(await postForm(server, '/oauth/token', form), 401, 'invalid_client');
  assertRefused(await postForm(server, '/oauth/token', { ...form, client_id: client.client_id }), 401, 'invalid_client');
  assert.equal((await refreshWith(server, client, refresh_token)).status, 200);
});

test('R8: part of the scope is granted, the refresh token keeps all of it, more is invalid_scope', async () => {
  const first = await tokensFor(client, { scope: 'openid read write' });
  assertRefused(await refreshWith(server, client, first.refresh_token, { scope: 'read email' }), 400, 'invalid_scope');
  const narrow = (await refreshWith(server, client, first.refresh_token, { scope: 'read' })).body;
  assert.equal(narrow.scope, 'read');
  assert.equal(decodeJwt(narrow.access_token).scope, 'read');
  assert.equal(narrow.id_token, undefined);
  assert.equal((await introspect(server, client, narrow.refresh_token)).scope, 'openid read write');
  assert.equal((await refreshWith(server, client, narrow.refresh_token)).body.scope, 'openid read write');
});

test('R9: one of the granted resources may be chosen, another is invalid_target', async () => {
  const [one = '', two = ''] = resources;
  const flow = await getCode(server, client, user, { resource: one }, agent);
  const first = (await postForm(server, '/oauth/token', exchangeForm(client, flow), client)).body;
  assert.equal(decodeJwt(first.access_token).aud, one);
  assertRefused(await refreshWith(server, client, first.refresh_token, { resource: two }), 400, 'invalid_target');
  const again = await refreshWith(server, client, first.refresh_token, { resource: one });
  assert.equal(decodeJwt(again.body.access_token).aud, one);
});

test('R10: an idle refresh token expires, and rotation does not extend the absolute lifetime', async () => {
  const first = await tokensFor();
  const before = await family(first.refresh_token);
  const second = (await refreshWith(server, client, first.refresh_token)).body;
  const then = await family(first.refresh_token);
  assert.deepEqual(then.expires_at, before.expires_at);
  assert.ok((then.refresh_expires_at as Date) > (before.refresh_expires_at as Date));
  await server.db.sql`
    update token_families set expires_at = now() - interval '1 second' where family_id = ${readFamilyId(first.refresh_token) ?? ''}`;
  assertRefused(await refreshWith(server, client, second.refresh_token), 400, 'invalid_grant');
  assert.deepEqual(await introspect(server, client, second.refresh_token), { active: false });
});

test('R11: a disabled user, a changed password and a withdrawn consent end refreshing', async () => {
  const asked = await makeTestClient(server, { trusted: false });
  const changes = [
    (subject: string) => server.db.sql`update users set disabled_at = now() where subject = ${subject}`,
    (subject: string) => server.db.sql`update users set password_changed_at = now() where subject = ${subject}`,
    (subject: string) => server.db.sql`update grants set revoked_at = now() where subject = ${subject}`,
  ];
  for (const change of changes) {
    const whose = await makeTestUser(server);
    const { refresh_token } = await tokensFor(asked, {}, createUserAgent(server), whose);
    const second = (await refreshWith(server, asked, refresh_token)).body.refresh_token;
    await change(whose.subject);
    assertRefused(await refreshWith(server, asked, second), 400, 'invalid_grant');
  }
});

test('R11: signing out ends what was granted without offline_access and nothing else', async () => {
  const own = createUserAgent(server);
  const online = await tokensFor(client, {}, own);
  const offline = await tokensFor(client, { scope: 'openid offline_access' }, own);
  const page = await own.follow(await own.get(`/logout?${new URLSearchParams({ id_token_hint: online.id_token })}`));
  assert.equal(page.status, 200);
  assertRefused(await refreshWith(server, client, online.refresh_token), 400, 'invalid_grant');
  assert.equal((await introspect(server, client, online.access_token)).active, false);
  assert.equal((await refreshWith(server, client, offline.refresh_token)).status, 200);
});

test('R13: the new ID token keeps issuer, subject, audience and auth_time, is newer, and has no nonce', async () => {
  const first = await tokensFor(client, { nonce: 'n-0S6_WzA2Mj' });
  const [before, then] = [first, (await refreshWith(server, client, first.refresh_token)).body].map(({ id_token }) =>
    decodeJwt(id_token),
  );
  for (const name of ['iss', 'sub', 'aud', 'auth_time', 'sid']) assert.equal(then?.[name], before?.[name], name);
  assert.ok((then?.iat ?? 0) >= (before?.iat ?? 1));
  assert.equal(before?.nonce, 'n-0S6_WzA2Mj');
  assert.equal(then?.nonce, undefined);
});

test('R14: a client that is not registered for the refresh grant gets no refresh token', async () => {
  const brief = await makeTestClient(server, { grant_types: ['authorization_code'] });
  const tokens = await tokensFor(brief, { scope: 'openid offline_access' });
  assert.equal(tokens.refresh_token, undefined);
  assert.equal(typeof tokens.access_token, 'string');
});

for (const [who, delay] of [
  ['thief', 'the client'],
  ['victim', 'the thief'],
] as const) {
  test(`RFC 9700 §4.14.2: a stolen refresh token used by the ${who} first is noticed when ${delay} comes after the grace`, async () => {
    const { refresh_token } = await tokensFor(spa);
    const early = (await refreshWith(server, spa, refresh_token)).body;
    await age(refresh_token, 31);
    assertRefused(await refreshWith(server, spa, refresh_token), 400, 'invalid_grant');
    assertRefused(await refreshWith(server, spa, early.refresh_token), 400, 'invalid_grant');
    assert.equal((await userinfo(server, early.access_token)).status, 401);
  });
}

test('RFC 6749 §5.2: text that is no refresh token of this server is invalid_grant, also an access token', async () => {
  const { access_token } = await tokensFor();
  for (const token of ['nonsense', `rt_${'A'.repeat(64)}`, access_token])
    assertRefused(await refreshWith(server, client, token), 400, 'invalid_grant');
});
