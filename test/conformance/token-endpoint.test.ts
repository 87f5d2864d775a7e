/** Checks the token endpoint in general: methods, media types, client authentication, parameters and the form of its answers. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { digest } from '../../lib/protocol/digest.ts';
import { makeTestClient, type TestClient } from '../support/accounts.ts';
import { type Answer, assertDiscreet, assertRefused, send } from '../support/calls.ts';
import { postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let client: TestClient;
let poster: TestClient;
let spa: TestClient;

before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  poster = await makeTestClient(server, { token_endpoint_auth_method: 'client_secret_post' });
  spa = await makeTestClient(server, { token_endpoint_auth_method: 'none' });
});
after(() => server.stop());

const grant = { grant_type: 'client_credentials' };
const ask = (form: Record<string, string>, of: TestClient | null = client, headers: Record<string, string> = {}) =>
  postForm(server, '/oauth/token', form, of ?? undefined, headers);
/** Sends a body exactly as it is written. */
const post = (body: string, headers: Record<string, string> = {}, path = '/oauth/token'): Promise<Answer> =>
  send(server, path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: client.basic, ...headers },
    body,
  });
const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

test('T1: every method but POST is 405 with Allow and without a token', async () => {
  const query = `grant_type=client_credentials&client_id=${poster.client_id}&client_secret=${poster.client_secret}`;
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
    const answer = await send(server, `/oauth/token?${query}`, { method, headers: { authorization: client.basic } });
    assertRefused(answer, 405, 'invalid_request');
    assert.match(answer.headers.get('allow') ?? '', /\bPOST\b/);
    assert.equal(answer.text.includes('access_token'), false);
  }
});

test('T2: a JSON body or a missing content type is invalid_request', async () => {
  assertRefused(await post(JSON.stringify(grant), { 'content-type': 'application/json' }), 400, 'invalid_request');
  const body = new Blob(['grant_type=client_credentials']);
  const headers = { authorization: client.basic };
  assertRefused(await send(server, '/oauth/token', { method: 'POST', headers, body }), 400, 'invalid_request');
  assert.equal(
    (await post('grant_type=client_credentials', { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' })).status,
    200,
  );
});

test('T3: nothing in the query of the URL is honoured', async () => {
  const credentials = `client_id=${poster.client_id}&client_secret=${poster.client_secret}`;
  const bare = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await send(server, `/oauth/token?${credentials}`, {
    method: 'POST',
    headers: bare,
    body: 'grant_type=client_credentials',
  });
  assertRefused(answer, 401, 'invalid_client');
  assertRefused(await post('scope=read', {}, '/oauth/token?grant_type=client_credentials'), 400, 'invalid_request');
  const ignored = await post('grant_type=client_credentials&scope=read', {}, '/oauth/token?scope=write');
  assert.equal(ignored.body.scope, 'read');
});

test('T4: successes and refusals are JSON that nobody may store', async () => {
  const answers = [await ask(grant), await ask({}), await ask(grant, { ...client, basic: basic('nobody', 'x') })];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 400, 401],
  );
  for (const { headers } of answers) {
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.match(headers.get('content-type') ?? '', /^application\/json/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
});

test('T5: two ways of authentication at once are invalid_request', async () => {
  const assertion = {
    client_assertion: 'a.b.c',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  };
  const secret = { client_id: poster.client_id, client_secret: poster.client_secret };
  assertRefused(await ask({ ...grant, client_secret: client.client_secret }), 400, 'invalid_request');
  assertRefused(await ask({ ...grant, ...assertion }), 400, 'invalid_request');
  assertRefused(await ask({ ...grant, ...secret, ...assertion }, null), 400, 'invalid_request');
  assertRefused(await ask({ ...grant, client_id: poster.client_id }), 400, 'invalid_request');
});

test('T5: an assertion alone is invalid_client, as no client is registered for it', async () => {
  assertRefused(await ask({ ...grant, client_id: client.client_id, client_assertion: 'a.b.c' }, null), 401, 'invalid_client');
});

test('T6: bad Basic credentials are 401 with a challenge, and an unknown client gets the same words', async () => {
  const wrong = await ask(grant, { ...client, basic: basic(client.client_id, 'wrong') });
  const unknown = await ask(grant, { ...client, basic: basic('nobody', 'wrong') });
  assertRefused(wrong, 401, 'invalid_client');
  assert.match(wrong.headers.get('www-authenticate') ?? '', /^Basic realm=/);
  assert.deepEqual(unknown.body, wrong.body);
  assert.equal(unknown.headers.get('www-authenticate'), wrong.headers.get('www-authenticate'));
});

test('T6: credentials that cannot be read are invalid_client', async () => {
  const unreadable = [
    'Basic',
    'Basic !!!',
    'Basic bm9jb2xvbg==',
    'Bearer x',
    `Basic ${btoa('%zz:%zz')}`,
    `Basic ${btoa('a%00:b')}`,
  ];
  for (const authorization of unreadable)
    assertRefused(await post('grant_type=client_credentials', { authorization }), 401, 'invalid_client');
});

test('T6: a client_id of thousands of characters is invalid_client and does not fill the log', async () => {
  const endless = 'x'.repeat(20_000);
  server.output.clear();
  assertRefused(await ask({ ...grant, client_id: endless }, null), 401, 'invalid_client');
  assertRefused(await ask(grant, { ...client, basic: basic(endless.slice(0, 5000), 'x') }), 401, 'invalid_client');
  assert.ok(server.output.text().length < 5000);
});

test('T7: a bad secret in the body is 401 invalid_client', async () => {
  assertRefused(await ask({ ...grant, client_id: poster.client_id, client_secret: 'wrong' }, null), 401, 'invalid_client');
  const right = await ask({ ...grant, client_id: poster.client_id, client_secret: poster.client_secret }, null);
  assert.equal(right.status, 200);
});

test('T8: a client authenticates by the method that it registered and by no other', async () => {
  const inBody = (of: TestClient, secret: string) => ask({ ...grant, client_id: of.client_id, client_secret: secret }, null);
  assertRefused(await inBody(client, client.client_secret), 401, 'invalid_client');
  assertRefused(await ask(grant, poster), 401, 'invalid_client');
  assertRefused(await inBody(spa, 'anything'), 401, 'invalid_client');
  assertRefused(await ask({ ...grant, client_id: client.client_id }, null), 401, 'invalid_client');
});

test('T9: form-urlencoded credentials with colon, percent, plus and other alphabets work', async () => {
  const secret = 'a:b%c+d é日 &=';
  const odd = await makeTestClient(server, { client_id: 'cli:ent+1 %ü', client_secret_hash: digest(secret) });
  const encode = (text: string) => new URLSearchParams({ x: text }).toString().slice(2);
  assert.equal((await ask(grant, { ...odd, basic: basic(encode(odd.client_id), encode(secret)) })).status, 200);
  assertRefused(await ask(grant, { ...odd, basic: basic(encode(odd.client_id), encode(`${secret}x`)) }), 401, 'invalid_client');
});

test('T10: a missing, an unknown and a grant type that the client may not use have an error each', async () => {
  const narrow = await makeTestClient(server, { grant_types: ['authorization_code'] });
  assertRefused(await ask({}), 400, 'invalid_request');
  assertRefused(await ask({ grant_type: 'urn:example:unknown' }), 400, 'unsupported_grant_type');
  assertRefused(await ask(grant, narrow), 400, 'unauthorized_client');
  assertRefused(await ask({ grant_type: 'refresh_token', refresh_token: 'x' }, narrow), 400, 'unauthorized_client');
  const own = await makeTestClient(server, { grant_types: ['client_credentials'] });
  assertRefused(await ask({ grant_type: 'authorization_code', code: 'x' }, own), 400, 'unauthorized_client');
});

test('T11: the password grant is unsupported', async () => {
  assertRefused(await ask({ grant_type: 'password', username: 'a', password: 'b' }), 400, 'unsupported_grant_type');
});

test('T13: scope beyond the registration is invalid_scope', async () => {
  for (const scope of ['admin', 'read admin', 'openid', 'read "x"', '\u00e9'])
    assertRefused(await ask({ ...grant, scope }), 400, 'invalid_scope');
});

test('T14: error texts keep to their characters whatever was sent', async () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.constantFrom('"', '\\', '\n', 'é"\\\r\n\t', '<script>'));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('grant_type', 'scope', 'resource'), text, async (name, value) => {
      const answer = await ask({ ...grant, [name]: value.toWellFormed() });
      assert.ok(answer.status < 500);
      if (answer.status !== 200) assertRefused(answer, 400, String(answer.body.error));
      assert.match(answer.body.error ?? 'none', /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
    }),
    { numRuns: 60 },
  );
  const named = await post('grant_type=client_credentials&a%22%5C%0A=1&a%22%5C%0A=2');
  assertRefused(named, 400, 'invalid_request');
});

test('T15: a repeated parameter is invalid_request, an unknown one is ignored, an empty one is absent', async () => {
  assertRefused(await post('grant_type=client_credentials&scope=read&scope=read'), 400, 'invalid_request');
  assertRefused(await post('grant_type=client_credentials&grant_type=client_credentials'), 400, 'invalid_request');
  assert.equal((await post('grant_type=client_credentials&unheard_of=1')).status, 200);
  assert.equal((await post('grant_type=client_credentials&scope=')).body.scope, 'read write');
  assertRefused(await post('grant_type=&scope=read'), 400, 'invalid_request');
});

test('T16: guessing a secret ends in 429 with Retry-After, and the right secret is still served', async () => {
  const target = await makeTestClient(server);
  const guesses = [];
  for (let guess = 0; guess < 25; guess += 1)
    guesses.push(await ask(grant, { ...target, basic: basic(target.client_id, `guess-${guess}`) }));
  assert.equal(guesses[0]?.status, 401);
  const last = guesses.at(-1);
  assert.equal(last?.status, 429);
  assert.equal(last?.body.error, 'invalid_client');
  assert.ok(Number(last?.headers.get('retry-after')) > 0);
  assert.equal((await ask(grant, target)).status, 200);
  assert.equal((await ask(grant)).status, 200);
});

test('T17: the answer names the scope that was granted', async () => {
  assert.equal((await ask(grant)).body.scope, 'read write');
  assert.equal((await ask({ ...grant, scope: 'read' })).body.scope, 'read');
  const plain = await makeTestClient(server, { scope: 'openid' });
  // RFC 6749 §3.3: a scope is never the empty text.
  assert.equal('scope' in (await ask(grant, plain)).body, false);
});

test('T18: a failure of the server is server_error in JSON, without a word of SQL or code, and the log has the reason', async () => {
  const target = await makeTestClient(server);
  server.output.clear();
  await server.db.sql`alter table access_tokens rename to hidden`;
  try {
    const answer = await ask(grant, target);
    assertRefused(answer, 500, 'server_error');
    assertDiscreet([...answer.headers].join());
  } finally {
    await server.db.sql`alter table hidden rename to access_tokens`;
  }
  const [line] = server.output.logs().filter(({ level }) => level === 'error');
  assert.match(String(line?.detail), /access_tokens/);
  assert.equal((await ask(grant, target)).status, 200);
});
