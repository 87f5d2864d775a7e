/** Checks resource indicators from outside: which may be named where, and which audience follows (RFC 8707). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeJwt } from 'jose';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertRefused, refreshWith, send } from '../support/calls.ts';
import { authorizeUrl, exchangeForm, getCode, makePkce, postForm, walk } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent, type UserAgent } from '../support/user-agent.ts';

const one = 'https://a.example/api';
const two = 'https://b.example/api';
const shared = 'urn:example:shared';
let server: TestServer;
let client: TestClient;
let user: TestUser;
let agent: UserAgent;

before(async () => {
  server = await startServer({ OAUTH2_RESOURCES: shared });
  client = await makeTestClient(server, { resources: [one, two] });
  user = await makeTestUser(server);
  agent = createUserAgent(server);
});
after(() => server.stop());

const form = { 'content-type': 'application/x-www-form-urlencoded' };
/** A form with a parameter that may repeat. */
const post = async (fields: Record<string, string>, resources: readonly string[]) => {
  const body = new URLSearchParams([
    ...Object.entries(fields),
    ...resources.map((resource): [string, string] => ['resource', resource]),
  ]);
  return send(server, '/oauth/token', {
    method: 'POST',
    headers: { ...form, authorization: client.basic },
    body: body.toString(),
  });
};
const audienceOf = (token: unknown) => decodeJwt(String(token)).aud;
const flowFor = async (resources: readonly string[]) => {
  const pkce = makePkce();
  const url = `${authorizeUrl(client, pkce)}${resources.map((resource) => `&resource=${encodeURIComponent(resource)}`).join('')}`;
  const back = await walk(agent, url, user);
  return { agent, pkce, code: back.searchParams.get('code') ?? '', error: back.searchParams.get('error') };
};

test('RFC 8707 §2: a relative URI, one with a fragment or no URI is invalid_target at the token endpoint', async () => {
  for (const resource of ['/api', 'a.example', `${one}#f`, 'https://a.example/ b', `${one}#`])
    assertRefused(await post({ grant_type: 'client_credentials' }, [resource]), 400, 'invalid_target');
});

test('RFC 8707 §2: it is invalid_target by redirect at the authorization endpoint', async () => {
  for (const resource of ['/api', `${one}#f`, 'https://unknown.example/'])
    assert.equal((await flowFor([resource])).error, 'invalid_target');
});

test('RFC 8707 §2: an unknown resource is invalid_target, also one that differs in a slash', async () => {
  for (const resource of ['https://unknown.example/', `${one}/`, 'https://A.example/api'])
    assertRefused(await post({ grant_type: 'client_credentials' }, [resource]), 400, 'invalid_target');
});

test('RFC 8707 §2.2: the audience is what was named and nothing else', async () => {
  const ask = async (resources: readonly string[]) =>
    audienceOf((await post({ grant_type: 'client_credentials' }, resources)).body.access_token);
  assert.equal(await ask([]), server.issuer);
  assert.equal(await ask([one]), one);
  assert.equal(await ask([shared]), shared);
  assert.deepEqual(await ask([one, two]), [one, two]);
  assert.equal(await ask([one, one]), one);
});

test('RFC 8707 §2.2: a token request narrows the resources of the authorization, and cannot go beyond them', async () => {
  const flow = await flowFor([one, two]);
  const fields = exchangeForm(client, flow);
  assertRefused(await post(fields, [shared]), 400, 'invalid_target');
  const first = await post(fields, [two]);
  assert.equal(audienceOf(first.body.access_token), two);
  const rest = { grant_type: 'refresh_token', refresh_token: String(first.body.refresh_token) };
  assertRefused(await post(rest, [shared]), 400, 'invalid_target');
  assert.equal(audienceOf((await post(rest, [two])).body.access_token), two);
});

test('RFC 8707 §2.2: without a resource in the token request all of the authorized ones are the audience', async () => {
  const flow = await flowFor([one, two]);
  const first = await postForm(server, '/oauth/token', exchangeForm(client, flow), client);
  assert.deepEqual(audienceOf(first.body.access_token), [one, two]);
  const again = await refreshWith(server, client, first.body.refresh_token, { resource: one });
  assert.equal(audienceOf(again.body.access_token), one);
  const once = await refreshWith(server, client, again.body.refresh_token);
  assert.deepEqual(audienceOf(once.body.access_token), [one, two]);
});

test('RFC 8707 §2.2: a token request cannot name a resource where the authorization named none', async () => {
  const flow = await getCode(server, client, user, {}, agent);
  assertRefused(await post(exchangeForm(client, flow), [one]), 400, 'invalid_target');
  assert.equal((await post(exchangeForm(client, flow), [])).status, 200);
});
