/** Guessing passwords is slow for the one who guesses, and not for the end-user whose password is guessed. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { makeTestUser, type TestUser } from '../support/accounts.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type Page, type UserAgent } from '../support/user-agent.ts';

let server: TestServer;

before(async () => {
  server = await startServer();
});
// Every request comes from one address here: each test starts with no failures of it.
afterEach(() => server.db.sql`delete from throttles`);
after(() => server.stop());

async function attempt(agent: UserAgent, username: string, password: string): Promise<Page> {
  return agent.submit(await agent.get('/login'), { username, password });
}

/** Statuses of guesses, one after the other, each from a browser of its own. */
async function guess(user: TestUser, times: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let turn = 0; turn < times; turn += 1)
    statuses.push((await attempt(createUserAgent(server), user.username, `guess ${turn}`)).status);
  return statuses;
}

test('after ten wrong passwords the account is closed to strangers: 429 with Retry-After, even with the right password', async () => {
  const user = await makeTestUser(server);
  assert.deepEqual(await guess(user, 11), [...Array(10).fill(401), 429]);
  const page = await attempt(createUserAgent(server), user.username, user.password);
  assert.equal(page.status, 429);
  const seconds = Number(page.headers.get('retry-after'));
  assert.ok(seconds > 0 && seconds <= 900, `${seconds}`);
  assert.match(page.text, /Too many attempts\. Try again in 15 minutes\./);
  assert.ok(page.text.includes('id="login-submit"'));
  // Another account is not touched.
  const other = await makeTestUser(server);
  assert.equal((await attempt(createUserAgent(server), other.username, other.password)).status, 303);
});

test("an attacker's failures from elsewhere do not lock out the end-user's known device", async () => {
  const user = await makeTestUser(server);
  const device = createUserAgent(server);
  assert.equal((await attempt(device, user.username, user.password)).status, 303);
  await guess(user, 12);
  assert.equal((await attempt(createUserAgent(server), user.username, user.password)).status, 429);
  assert.equal((await attempt(device, user.username, user.password)).status, 303);
});

test('a known device is held to ten failures of its own', async () => {
  const user = await makeTestUser(server);
  const device = createUserAgent(server);
  await attempt(device, user.username, user.password);
  const statuses: number[] = [];
  for (let turn = 0; turn < 11; turn += 1) statuses.push((await attempt(device, user.username, 'wrong')).status);
  assert.deepEqual(statuses, [...Array(10).fill(401), 429]);
});

test('a device of one account is a stranger to another account', async () => {
  const [user, mallory] = [await makeTestUser(server), await makeTestUser(server)];
  const device = createUserAgent(server);
  await attempt(device, mallory.username, mallory.password);
  await guess(user, 10);
  assert.equal((await attempt(device, user.username, 'wrong')).status, 429);
});

test('guesses that come all at once are all counted: of 40 no more than ten are looked at', async () => {
  const user = await makeTestUser(server);
  const agents = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const agent = createUserAgent(server);
      return { agent, page: await agent.get('/login') };
    }),
  );
  const answers = await Promise.all(
    agents.map(({ agent, page }, turn) => agent.submit(page, { username: user.username, password: `guess ${turn}` })),
  );
  const statuses = answers.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 401).length, 10);
  assert.equal(statuses.filter((status) => status === 429).length, 30);
});

test('right passwords that come all at once, from one address, all succeed and leave no failure behind', async () => {
  const user = await makeTestUser(server);
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => attempt(createUserAgent(server), user.username, user.password)),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array(8).fill(303),
  );
  const [row] = await server.db.sql`select coalesce(sum(failures), 0)::integer as failures from throttles`;
  assert.equal(row?.failures, 0);
});

test('a success takes back its own attempt and no failure of others', async () => {
  const user = await makeTestUser(server);
  await guess(user, 9);
  assert.equal((await attempt(createUserAgent(server), user.username, user.password)).status, 303);
  assert.deepEqual(await guess(user, 2), [401, 429]);
});

test('spellings of one username share one budget', async () => {
  const user = await makeTestUser(server, { username: 'ingrid' });
  const spellings = ['ingrid', 'INGRID', 'Ingrid', ' ingrid ', 'iNgRiD'];
  for (let turn = 0; turn < 10; turn += 1)
    assert.equal((await attempt(createUserAgent(server), spellings[turn % spellings.length] as string, 'wrong')).status, 401);
  for (const username of spellings) assert.equal((await attempt(createUserAgent(server), username, user.password)).status, 429);
});

test('one address that tries many accounts is closed after a hundred failures', async () => {
  const agent = createUserAgent(server);
  await attempt(agent, 'somebody-0', 'wrong');
  // The bucket with this one failure that is not of the account: as if 99 more had come.
  await server.db.sql`update throttles set failures = failures + 99`;
  const page = await attempt(agent, 'somebody-else', 'wrong');
  assert.equal(page.status, 429);
  assert.ok(server.output.logs().some(({ detail }) => detail === 'sign-in throttled: address'));
});

test('when the window is over, the account is open again', async () => {
  const user = await makeTestUser(server);
  await guess(user, 11);
  await server.db.sql`update throttles set resets_at = now() - interval '1 second'`;
  assert.equal((await attempt(createUserAgent(server), user.username, user.password)).status, 303);
});

test('an unknown account is throttled as a known one is, so that 429 tells nobody which exist', async () => {
  const nobody = { subject: '', username: 'nobody-at-all', password: '' };
  assert.deepEqual(await guess(nobody, 11), [...Array(10).fill(401), 429]);
});

test('a form that fails its anti-CSRF check costs nobody an attempt', async () => {
  const user = await makeTestUser(server);
  const agent = createUserAgent(server);
  for (let turn = 0; turn < 12; turn += 1)
    assert.equal((await agent.post('/login', { username: user.username, password: 'x', csrf_token: 'x' })).status, 403);
  assert.equal((await attempt(createUserAgent(server), user.username, user.password)).status, 303);
});
