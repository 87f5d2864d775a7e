/** The cookies of an https issuer: bound to the host, out of the reach of scripts and of other sites (RFC 6265, RFC 9700 §4.7). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertSentTo, readRedirect } from '../support/browser-answers.ts';
import { authorizeUrl, makePkce } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type Page } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
const pkce = makePkce();

before(async () => {
  server = await startServer({ OAUTH2_ISSUER: 'https://issuer.example' });
  client = await makeTestClient(server);
  user = await makeTestUser(server);
});
after(() => server.stop());

const cookiesOf = (page: Page) => page.headers.getSetCookie();

/** Name and attributes of a cookie, its value left out. */
function flagsOf(line: string): string[] {
  const [pair = '', ...attributes] = line.split('; ');
  return [pair.replace(/=.*/, ''), ...attributes.map((attribute) => attribute.replace(/^Max-Age=.*/, 'Max-Age'))].sort();
}

const strict = ['HttpOnly', 'Path=/', 'SameSite=Lax', 'Secure'];

test('cookie flags: every cookie of the flow is __Host-, Secure, HttpOnly, SameSite=Lax, without a Domain', async () => {
  const agent = createUserAgent(server);
  const signIn = await agent.follow(await agent.get(authorizeUrl(client, pkce)));
  const [csrf = '', ...none] = cookiesOf(signIn);
  assert.deepEqual(none, []);
  assert.deepEqual(flagsOf(csrf), [...strict, '__Host-csrf'].sort());

  const done = await agent.submit(signIn, { username: user.username, password: user.password });
  const [session = '', device = '', renewed = ''] = cookiesOf(done);
  assert.deepEqual(flagsOf(session), [...strict, 'Max-Age', '__Host-session'].sort());
  assert.deepEqual(flagsOf(device), [...strict, 'Max-Age', '__Host-device'].sort());
  assert.deepEqual(flagsOf(renewed), [...strict, 'Max-Age', '__Host-csrf'].sort());
  assert.match(renewed, /^__Host-csrf=; .*Max-Age=0/);
  assert.ok(readRedirect(await agent.follow(done)).has('code'));
});

test('cookie flags: signing out deletes the session with the same flags', async () => {
  const agent = createUserAgent(server);
  await agent.submit(await agent.get('/login'), { username: user.username, password: user.password });
  const done = await agent.submit(await agent.get('/logout'), {});
  const [session = '', csrf = ''] = cookiesOf(done);
  assert.match(session, /^__Host-session=; .*Max-Age=0/);
  assert.deepEqual(flagsOf(session), [...strict, 'Max-Age', '__Host-session'].sort());
  assert.match(csrf, /^__Host-csrf=; .*Max-Age=0/);
});

test('a session under a name without the prefix, which another host of the domain could plant, is not looked at', async () => {
  const agent = createUserAgent(server);
  await agent.submit(await agent.get('/login'), { username: user.username, password: user.password });
  const planted = createUserAgent(server);
  planted.cookies.set('session', agent.cookies.get('__Host-session') ?? '');
  assertSentTo(server, await planted.get(authorizeUrl(client, pkce)), '/login');
});

test('A27: behind a host name of its own, iss and every URL are those of the configured issuer', async () => {
  const page = await createUserAgent(server).get(authorizeUrl(client, pkce, { response_type: 'token' }));
  assert.equal(readRedirect(page).get('iss'), 'https://issuer.example');
  assertSentTo(server, await createUserAgent(server).get(authorizeUrl(client, pkce)), '/login');
});

test('an https issuer asks browsers to stay with https', async () => {
  const page = await createUserAgent(server).get('/login');
  assert.match(page.headers.get('strict-transport-security') ?? '', /^max-age=\d{8,}/);
});
