/** A stage with an edge: what goes around CloudFront is refused everywhere, and what comes through it is counted, blocked and logged by the viewer's address. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { block } from '../../lib/ops/block.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { originHeader } from '../../lib/origin-secret.ts';
import { pathsOf, routeNames, routes } from '../../lib/routes.ts';
import { makeTestClient, type TestClient } from '../support/accounts.ts';
import { driveCaches, type Operation, openOperation } from '../support/operation.ts';
import { startServer, type TestServer } from '../support/server.ts';

const passInCaches = driveCaches();
const secret = 'Zm9yIENsb3VkRnJvbnQgYWxvbmU';
let server: TestServer;
let operation: Operation;
let client: TestClient;
before(async () => {
  server = await startServer({ OAUTH2_ORIGIN_SECRETS: `${secret} the-one-of-before`, OAUTH2_REGISTRATION: 'open' });
  operation = openOperation(server);
  client = await makeTestClient(server);
});
after(async () => {
  await operation.stop();
  await server.stop();
});

/** As CloudFront sends it for a viewer, which has sent headers of its own. */
function through(viewer: string, path: string, { headers = {}, ...init }: RequestInit = {}): Promise<Response> {
  const edge = { 'x-forwarded-for': `192.0.2.250, ${viewer}`, [originHeader]: secret };
  return fetch(server.url(path), { redirect: 'manual', ...init, headers: { ...(headers as Record<string, string>), ...edge } });
}

const tokenRequest = (authorization: string) => ({
  method: 'POST',
  headers: { authorization },
  body: new URLSearchParams({ grant_type: 'client_credentials' }),
});
const tokenFor = (viewer: string, authorization = client.basic) => through(viewer, '/oauth/token', tokenRequest(authorization));

test('whoever goes around CloudFront is refused with 403 at every endpoint, the public documents too', async () => {
  server.output.clear();
  for (const name of routeNames) {
    const path = pathsOf(routes[name], '')[0]?.replace(/\{[^}]+\}/, 'x') ?? '';
    for (const headers of [{}, { [originHeader]: 'guessed' }]) {
      const answer = await fetch(server.url(path), { method: routes[name].methods[0], headers, redirect: 'manual' });
      const text = await answer.text();
      assert.equal(answer.status, 403, `${name}: ${text}`);
      if (routes[name].answers === 'json') assert.equal(JSON.parse(text).error, 'access_denied');
    }
    const answer = await through('203.0.113.1', path, { method: routes[name].methods[0] });
    assert.notEqual(answer.status, 403, `${name}: ${await answer.text()}`);
  }
  const refused = server.output.logs().filter(({ status }) => status === 403);
  assert.equal(refused.length, 2 * routeNames.length);
  assert.match(String(refused[0]?.detail), /^127\.0\.0\.1 went around CloudFront/);
  assert.ok(!refused.some((line) => 'address' in line));
});

test('nothing is done with what goes around it: no statement, not even for a method that is not served', async () => {
  server.output.clear();
  assert.equal((await fetch(server.url('/oauth/token'), tokenRequest(client.basic))).status, 403);
  assert.equal((await fetch(server.url('/oauth/token'), { method: 'PUT' })).status, 403);
  assert.doesNotMatch(server.output.text(), /db_queries_total/);
});

test('a viewer whose address is blocked is refused, and another one through the same server of CloudFront is served', async () => {
  const input = { address: '203.0.113.0/28', why: 'test' };
  await runProcedure(block, operation.tools, { apply: true, reason: 'test', actor: 'test', input });
  passInCaches(31);
  await tokenFor('198.51.100.1');
  assert.equal((await tokenFor('203.0.113.9')).status, 403);
  assert.equal((await tokenFor('203.0.113.77')).status, 200);
});

test('who guesses a secret is throttled by its own address; others through the same server of CloudFront are not', async () => {
  const wrong = `Basic ${Buffer.from(`${client.client_id}:wrong`).toString('base64')}`;
  const statuses = [];
  for (let time = 0; time < 22; time++) statuses.push((await tokenFor('198.51.100.66', wrong)).status);
  assert.equal(statuses.at(-1), 429);
  assert.equal((await tokenFor('198.51.100.67', wrong)).status, 401);
});

test('registrations are counted by the address of the viewer', async () => {
  const register = (viewer: string) =>
    through(viewer, '/clients/register', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['https://client.example/cb'], client_name: 'one of many' }),
    });
  let last = 201;
  for (let time = 0; time < 100 && last === 201; time++) last = (await register('198.51.100.70')).status;
  assert.equal(last, 429);
  assert.equal((await register('198.51.100.71')).status, 201);
});

test('the line of a request has the address of the viewer, and no line the secret', async () => {
  server.output.clear();
  assert.equal((await tokenFor('198.51.100.5')).status, 200);
  const [line] = server.output.logs().filter(({ message }) => message === 'request');
  assert.equal(line?.address, '198.51.100.5');
  assert.ok(!server.output.text().includes(secret));
});
