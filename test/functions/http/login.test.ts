/** What a sign-in leaves in the store: a fresh password hash, a session that ends, a device that is known. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { needsRehash } from '../../../lib/protocol/password.ts';
import { makeTestUser, type TestUser } from '../../support/accounts.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { createUserAgent, type Page, type UserAgent } from '../../support/user-agent.ts';

let server: TestServer;
before(async () => {
  server = await startServer({ OAUTH2_SESSION_SECONDS: '1800' });
});
after(() => server.stop());

async function signIn(agent: UserAgent, user: TestUser, password = user.password): Promise<Page> {
  return agent.submit(await agent.get('/login'), { username: user.username, password });
}

/** `correct horse battery staple` at N=2^10, as a server of long ago would have hashed it. */
async function hashCheaply(password: string): Promise<string> {
  const { scryptSync } = await import('node:crypto');
  const salt = Buffer.alloc(16, 7);
  const plain = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
  return `$scrypt$ln=10,r=8,p=1$${plain(salt)}$${plain(scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 }))}`;
}

test('a right password whose hash costs too little is hashed anew, and still signs in; a wrong one changes nothing', async () => {
  const user = await makeTestUser(server);
  const cheap = await hashCheaply(user.password);
  assert.equal(needsRehash(cheap), true);
  await server.db.sql`update users set password_hash = ${cheap} where subject = ${user.subject}`;
  const stored = async () =>
    (await server.db.sql`select password_hash from users where subject = ${user.subject}`)[0]?.password_hash as string;
  assert.equal((await signIn(createUserAgent(server), user, 'wrong')).status, 401);
  assert.equal(await stored(), cheap);
  assert.equal((await signIn(createUserAgent(server), user)).status, 303);
  assert.equal(needsRehash(await stored()), false);
  assert.equal((await signIn(createUserAgent(server), user)).status, 303);
});

test('the session and its cookie last as long as the setting says', async () => {
  const user = await makeTestUser(server);
  const page = await signIn(createUserAgent(server), user);
  const line = page.headers.getSetCookie().find((cookie) => cookie.startsWith('session='));
  assert.match(line ?? '', /; Max-Age=1800;/);
  const [row] = await server.db.sql`select expires_at, authenticated_at from sessions where subject = ${user.subject}`;
  assert.equal(row?.expires_at.getTime() - row?.authenticated_at.getTime(), 1_800_000);
});

test('a browser is remembered as one device of the account, however often it signs in', async () => {
  const user = await makeTestUser(server);
  const agent = createUserAgent(server);
  await signIn(agent, user);
  const device = agent.cookies.get('device');
  await signIn(agent, user);
  assert.equal(agent.cookies.get('device'), device);
  const [row] = await server.db.sql`select count(*)::integer as found from devices where subject = ${user.subject}`;
  assert.equal(row?.found, 1);
});

test('a failed sign-in is counted, and its reason is told to the operator alone', async () => {
  const user = await makeTestUser(server);
  server.output.clear();
  const page = await signIn(createUserAgent(server), user, 'wrong');
  assert.equal(page.text.includes('wrong password'), false);
  assert.ok(server.output.metrics().some((metric) => 'oauth_failed_authentications' in metric));
  assert.ok(server.output.logs().some(({ detail, status }) => detail === 'wrong password' && status === 401));
});
