/** Signing in: the session that it starts, renews and ends, and the form that only this browser can send (RFC 9700 §4.7). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertErrorPage, assertRedirectError, assertSentTo, readRedirect, titleOf } from '../support/browser-answers.ts';
import { authorizeUrl, exchangeForm, getCode, getTokens, makePkce, postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, formAction, hiddenField, type Page, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
const pkce = makePkce();

before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  user = await makeTestUser(server);
});
after(() => server.stop());

async function signIn(agent: UserAgent, who: { username: string; password: string } = user): Promise<Page> {
  const page = await agent.follow(await agent.get(authorizeUrl(client, pkce)));
  const form = page.location === undefined ? page : await agent.get('/login');
  return agent.submit(form, { username: who.username, password: who.password });
}

const sessionOf = async (agent: UserAgent) => {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha256')
    .update(agent.cookies.get('session') ?? '')
    .digest();
  const [row] = await server.db.sql`select session_id, subject, ended_at from sessions where session_hash = ${hash}`;
  return row;
};

test('the sign-in page has the stable hooks, and names the client', async () => {
  const agent = createUserAgent(server);
  const page = await agent.follow(await agent.get(authorizeUrl(client, pkce)));
  assert.equal(titleOf(page), 'Sign in');
  for (const hook of ['name="username"', 'name="password"', 'id="login-submit"', 'Test client'])
    assert.ok(page.text.includes(hook), hook);
  assert.equal(/<script/i.test(page.text), false);
});

test('a right password leads back to the request, and on to the client', async () => {
  const agent = createUserAgent(server);
  const page = await signIn(agent);
  assert.equal(page.status, 303);
  assert.ok(page.location?.startsWith(`${server.issuer}/oauth/authorize?`));
  assert.ok(readRedirect(await agent.follow(page)).has('code'));
});

test('a username is found in any case, with spaces around it, and in any Unicode normalisation', async () => {
  const rené = await makeTestUser(server, { username: 'ren\u00e9' });
  for (const username of ['REN\u00c9', '  ren\u00e9 ', 'rene\u0301'])
    assert.equal((await signIn(createUserAgent(server), { ...rené, username })).status, 303, username);
});

test('a wrong password, an unknown and a disabled account are answered alike: 401, the page again, no session', async () => {
  const disabled = await makeTestUser(server);
  await server.db.sql`update users set disabled_at = now() where subject = ${disabled.subject}`;
  const answers = [];
  for (const who of [{ ...user, password: 'not-this-one' }, { username: 'nobody', password: 'not-this-one' }, disabled]) {
    const agent = createUserAgent(server);
    const page = await signIn(agent, who);
    assert.equal(page.status, 401);
    assert.ok(page.headers.has('www-authenticate'));
    assert.equal(agent.cookies.has('session'), false);
    answers.push(page.text.replaceAll(who.username, '').replace(/name="csrf_token" value="[^"]*"/, ''));
    assert.equal(page.text.includes(who.password), false);
  }
  assert.equal(new Set(answers).size, 1);
});

test('a missing username or password is 400 and costs no attempt', async () => {
  const agent = createUserAgent(server);
  const page = await agent.get('/login');
  const [before] = await server.db.sql`select coalesce(sum(failures), 0)::integer as failures from throttles`;
  for (const fields of [
    { username: '', password: 'x' },
    { username: 'x', password: '' },
    {},
    { username: 'x'.repeat(300), password: 'x' },
  ] as Record<string, string>[])
    assert.equal((await agent.submit(page, fields)).status, 400);
  const [after] = await server.db.sql`select coalesce(sum(failures), 0)::integer as failures from throttles`;
  assert.equal(after?.failures, before?.failures);
});

test('A25: a sign-in without the anti-CSRF value, or without its cookie, is refused and starts no session', async () => {
  const agent = createUserAgent(server);
  const page = await agent.get('/login');
  const credentials = { username: user.username, password: user.password };
  assertErrorPage(await agent.submit(page, { ...credentials, csrf_token: '' }), 'invalid_request', 403);
  assertErrorPage(await agent.submit(page, { ...credentials, csrf_token: 'A'.repeat(43) }), 'invalid_request', 403);
  agent.cookies.delete('csrf');
  assertErrorPage(await agent.submit(page, credentials), 'invalid_request', 403);
  assert.equal(agent.cookies.has('session'), false);
});

test('A26: the sign-in form of one browser cannot be sent by another', async () => {
  const [one, two] = [createUserAgent(server), createUserAgent(server)];
  const page = await one.follow(await one.get(authorizeUrl(client, pkce)));
  await two.follow(await two.get(authorizeUrl(client, pkce)));
  const form = { csrf_token: hiddenField(page.text, 'csrf_token'), username: user.username, password: user.password };
  assertErrorPage(await two.post(formAction(page.text), form), 'invalid_request', 403);
  assert.equal(two.cookies.has('session'), false);
});

test('A26: the sign-in form that was shown for one request cannot be sent for another', async () => {
  const agent = createUserAgent(server);
  const page = await agent.follow(await agent.get(authorizeUrl(client, pkce)));
  const form = { csrf_token: hiddenField(page.text, 'csrf_token'), username: user.username, password: user.password };
  const altered = formAction(page.text).replace('state=xyz', 'state=abc');
  assertErrorPage(await agent.post(altered, form), 'invalid_request', 403);
  assertErrorPage(await agent.post('/login', form), 'invalid_request', 403);
});

test('session fixation: the session id changes at every sign-in, and the former one is worth nothing', async () => {
  const agent = createUserAgent(server);
  await signIn(agent);
  const first = agent.cookies.get('session') ?? '';
  await signIn(agent);
  const second = agent.cookies.get('session') ?? '';
  assert.notEqual(first, second);
  assert.match(second, /^[A-Za-z0-9_-]{43}$/);
  const thief = createUserAgent(server);
  thief.cookies.set('session', first);
  assertSentTo(server, await thief.get(authorizeUrl(client, pkce)), '/login');
});

test('session fixation: a planted session cookie is not the one that the sign-in makes good', async () => {
  const planted = 'A'.repeat(43);
  const victim = createUserAgent(server);
  victim.cookies.set('session', planted);
  await signIn(victim);
  assert.notEqual(victim.cookies.get('session'), planted);
  const attacker = createUserAgent(server);
  attacker.cookies.set('session', planted);
  assertSentTo(server, await attacker.get(authorizeUrl(client, pkce)), '/login');
});

test("session fixation: an attacker's own planted session does not become the victim's", async () => {
  const mallory = await makeTestUser(server);
  const attacker = createUserAgent(server);
  await signIn(attacker, mallory);
  const victim = createUserAgent(server);
  victim.cookies.set('session', attacker.cookies.get('session') ?? '');
  await signIn(victim);
  assert.equal((await sessionOf(victim))?.subject, user.subject);
  assertSentTo(server, await attacker.get(authorizeUrl(client, pkce)), '/login');
});

test('signing in again as the same end-user keeps the session_id, and its refresh tokens live on', async () => {
  const { agent, body } = await getTokens(server, client, user);
  const before = await sessionOf(agent);
  await signIn(agent);
  assert.equal((await sessionOf(agent))?.session_id, before?.session_id);
  const form = { grant_type: 'refresh_token', refresh_token: body.refresh_token };
  assert.equal((await postForm(server, '/oauth/token', form, client)).status, 200);
});

test('signing in as another end-user ends the former session, its refresh tokens and its codes', async () => {
  const { agent, body } = await getTokens(server, client, user);
  const flow = await getCode(server, client, user, {}, agent);
  const former = agent.cookies.get('session') ?? '';
  const other = await makeTestUser(server);
  await signIn(agent, other);
  assert.equal((await sessionOf(agent))?.subject, other.subject);
  const thief = createUserAgent(server);
  thief.cookies.set('session', former);
  assertSentTo(server, await thief.get(authorizeUrl(client, pkce)), '/login');
  const form = { grant_type: 'refresh_token', refresh_token: body.refresh_token };
  assert.equal((await postForm(server, '/oauth/token', form, client)).body.error, 'invalid_grant');
  assert.equal((await postForm(server, '/oauth/token', exchangeForm(client, flow), client)).body.error, 'invalid_grant');
});

test('a disabled end-user with a live session gets no code, and cannot sign in', async () => {
  const gone = await makeTestUser(server);
  const agent = createUserAgent(server);
  await signIn(agent, gone);
  const issued = await getCode(server, client, gone, {}, agent);
  await server.db.sql`update users set disabled_at = now() where subject = ${gone.subject}`;
  assertSentTo(server, await agent.get(authorizeUrl(client, pkce)), '/login');
  assertRedirectError(server, await agent.get(authorizeUrl(client, pkce, { prompt: 'none' })), 'login_required');
  assert.equal((await signIn(agent, gone)).status, 401);
  assert.equal((await postForm(server, '/oauth/token', exchangeForm(client, issued), client)).body.error, 'invalid_grant');
});

test('a session that has expired signs nobody in', async () => {
  const agent = createUserAgent(server);
  await signIn(agent);
  await server.db.sql`update sessions set expires_at = now() where subject = ${user.subject}`;
  assertSentTo(server, await agent.get(authorizeUrl(client, pkce)), '/login');
  assertRedirectError(server, await agent.get(authorizeUrl(client, pkce, { prompt: 'none' })), 'login_required');
});

test('a sign-in without a request leads to the home page', async () => {
  const agent = createUserAgent(server);
  const page = await agent.submit(await agent.get('/login'), { username: user.username, password: user.password });
  assert.equal((await agent.follow(page)).status, 200);
});

test('the sign-in page for a request without a proven destination is an error page', async () => {
  const agent = createUserAgent(server);
  assertErrorPage(await agent.get('/login?client_id=nobody'));
  assertErrorPage(
    await agent.get(authorizeUrl(client, pkce, { redirect_uri: 'https://evil.example' }).replace('/oauth/authorize', '/login')),
  );
});

test('sessions and devices are stored as digests alone', async () => {
  const agent = createUserAgent(server);
  await signIn(agent);
  for (const name of ['session', 'device'] as const) {
    const value = agent.cookies.get(name) ?? '';
    assert.match(value, /^[A-Za-z0-9_-]{43}$/);
    const [row] = await server.db.sql`
      select (select count(*) from sessions s where s::text like ${`%${value}%`})
        + (select count(*) from devices d where d::text like ${`%${value}%`}) as found`;
    assert.equal(Number(row?.found), 0);
  }
});
