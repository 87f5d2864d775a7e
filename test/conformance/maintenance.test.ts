/** Maintenance mode as clients and browsers see it: what writes is 503 with Retry-After, what reads goes on, nothing is told falsely. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { maintenance } from '../../lib/ops/maintenance.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import {
  type Answer,
  assertDiscreet,
  assertRefused,
  introspect,
  refreshWith,
  send,
  sendJson,
  userinfo,
} from '../support/calls.ts';
import { authorizeUrl, exchangeForm, getCode, getTokens, makePkce, postForm, type TokenAnswer } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type Page } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
before(async () => {
  server = await startServer({ OAUTH2_REGISTRATION: 'open' });
  client = await makeTestClient(server);
  user = await makeTestUser(server);
});
after(() => server.stop());
afterEach(() => turn(false));

async function turn(on: boolean) {
  const order = { input: { on }, apply: true, reason: 'test', actor: 'test' };
  const answer = await runProcedure(maintenance, { db: server.db, now: () => new Date() }, order);
  assert.equal(answer.outcome, 'succeeded', answer.error?.message);
  return answer.result;
}

function assertPutOff(answer: Answer | TokenAnswer): void {
  assertRefused(answer, 503, 'temporarily_unavailable');
  assert.ok(Number(answer.headers.get('retry-after')) >= 30);
  assert.equal('active' in answer.body, false);
}

function assertPagePutOff(page: Page, what: string): void {
  assert.deepEqual([page.status, page.location], [503, undefined], what);
  assert.match(page.text, /temporarily_unavailable/);
  assertDiscreet(page.text);
}

const register = () => sendJson(server, '/clients/register', 'POST', { redirect_uris: ['https://app.example/cb'] });

test('every endpoint that writes is 503 with Retry-After, warm connections included, and works again afterwards', async () => {
  const scope = 'openid offline_access';
  const { body } = await getTokens(server, client, user, { scope });
  const flow = await getCode(server, client, user, { scope });
  const registered = (await register()).body;
  const managed = `/clients/register/${registered.client_id}`;
  const authorization = `Bearer ${registered.registration_access_token}`;
  const update = () =>
    sendJson(
      server,
      managed,
      'PUT',
      { client_id: registered.client_id, redirect_uris: ['https://app.example/2'] },
      { authorization },
    );
  await turn(true);
  const exchange = () => postForm(server, '/oauth/token', exchangeForm(client, flow), client);
  const refresh = () => refreshWith(server, client, body.refresh_token);
  const grant = () => postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
  const answers: Record<string, Answer | TokenAnswer> = {
    exchange: await exchange(),
    refresh: await refresh(),
    grant: await grant(),
    'revoke an access token': await postForm(server, '/oauth/revoke', { token: body.access_token }, client),
    'revoke a refresh token': await postForm(server, '/oauth/revoke', { token: body.refresh_token }, client),
    register: await register(),
    update: await update(),
    delete: await send(server, managed, { method: 'DELETE', headers: { authorization } }),
  };
  for (const answer of Object.values(answers)) assertPutOff(answer);
  assert.equal((await send(server, managed, { headers: { authorization } })).status, 200);
  await turn(false);
  assert.equal((await update()).status, 200);
  for (const again of [exchange, refresh, grant]) assert.equal((await again()).status, 200);
});

test('people meet the error page where they sign in, consent, come back signed in, or sign out; and their session is still there afterwards', async () => {
  const wary = await makeTestClient(server, { trusted: false });
  const newcomer = createUserAgent(server);
  const login = await newcomer.follow(await newcomer.get(authorizeUrl(client, makePkce())));
  const undecided = createUserAgent(server);
  const signIn = await undecided.follow(await undecided.get(authorizeUrl(wary, makePkce())));
  const consent = await undecided.follow(await undecided.submit(signIn, { username: user.username, password: user.password }));
  assert.match(consent.text, /id="consent-allow"/);
  const { agent, body } = await getTokens(server, client, user);
  await turn(true);
  assertPagePutOff(await newcomer.submit(login, { username: user.username, password: user.password }), 'login');
  assertPagePutOff(await newcomer.submit(login, { username: user.username, password: 'wrong password' }), 'login, wrong');
  assertPagePutOff(await undecided.submit(consent, { decision: 'allow' }), 'consent');
  assertPagePutOff(await agent.get(authorizeUrl(client, makePkce())), 'authorize');
  assertPagePutOff(await agent.get(`/logout?${new URLSearchParams({ id_token_hint: body.id_token })}`), 'logout');
  await turn(false);
  const back = await agent.get(authorizeUrl(client, makePkce()));
  assert.match(back.location ?? '', /[?&]code=/);
});

test('what only reads goes on: discovery, JWKS, health, readiness, introspection and userinfo', async () => {
  const { body } = await getTokens(server, client, user);
  await turn(true);
  for (const path of ['/.well-known/openid-configuration', '/.well-known/jwks.json', '/health'])
    assert.equal((await send(server, path)).status, 200, path);
  const ready = await send(server, '/ready');
  assert.deepEqual([ready.status, ready.body.status], [200, 'maintenance']);
  assert.equal((await introspect(server, client, body.access_token)).active, true);
  assert.equal((await userinfo(server, body.access_token)).status, 200);
  await turn(false);
  assert.equal((await send(server, '/ready')).body.status, 'ready');
});

test('switched under load, each request is served or 503, and none is served after the switch has answered', async () => {
  const grant = () => postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
  let stop = false;
  const seen: number[] = [];
  const load = Array.from({ length: 4 }, async () => {
    while (!stop) seen.push((await grant()).status);
  });
  await turn(true);
  const later = await Promise.all(Array.from({ length: 8 }, grant));
  assert.deepEqual([...new Set(later.map(({ status }) => status))], [503]);
  await turn(false);
  stop = true;
  await Promise.all(load);
  assert.deepEqual(
    seen.filter((status) => status !== 200 && status !== 503),
    [],
  );
  assert.equal((await grant()).status, 200);
});
