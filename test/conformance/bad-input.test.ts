/** Throws arbitrary bodies, headers and paths at every endpoint that answers programs: a clear error, never a failure of the server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type RouteName, routes } from '../../lib/routes.ts';
import { makeTestClient, makeTestUser, type TestClient } from '../support/accounts.ts';
import { type Answer, assertDiscreet, send } from '../support/calls.ts';
import { getTokens, type TokenAnswer } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let client: TestClient;
let tokens: TokenAnswer['body'];
before(async () => {
  server = await startServer({ OAUTH2_REGISTRATION: 'open' });
  client = await makeTestClient(server);
  tokens = (await getTokens(server, client, await makeTestUser(server))).body;
});
after(() => server.stop());

/** What a program may be told: nothing, or JSON whose error keeps to RFC 6749 §5.2. */
function assertClear(answer: Answer, from: string): void {
  assert.ok(answer.status < 500, `${from}: ${answer.status} ${answer.text}`);
  assertDiscreet(answer.text);
  if (answer.status < 400 || answer.text === '') return;
  // The gateway answers by itself where there is no route, or where the body is beyond its own limit.
  if ('message' in answer.body) {
    assert.ok(answer.status === 404 || answer.status === 413);
    return;
  }
  assert.match(String(answer.body.error), /^[a-z_]+$/, from);
  assert.match(String(answer.body.error_description), /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/, from);
  assert.equal(answer.headers.get('cache-control'), 'no-store', from);
}

const programs = (Object.keys(routes) as RouteName[]).filter((name) => routes[name].answers === 'json' && name !== 'ready');
const pathOf = (name: RouteName) => routes[name].paths[0].replace('{client_id}', client.client_id);
const methods = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD');
const form = 'application/x-www-form-urlencoded';
const types = fc.constantFrom(
  form,
  `${form};charset=utf-8`,
  'application/json',
  'text/plain',
  'multipart/form-data; boundary=x',
  'x/y',
  '',
);
const text = fc.string({ unit: 'binary', maxLength: 80 });
const names = fc.constantFrom(
  'grant_type',
  'code',
  'code_verifier',
  'redirect_uri',
  'client_id',
  'client_secret',
  'refresh_token',
  'scope',
  'resource',
  'token',
  'token_type_hint',
  'access_token',
  'client_assertion',
);
const values = fc.oneof(
  text.map((value) => value.toWellFormed()),
  fc.constantFrom(
    'client_credentials',
    'refresh_token',
    'authorization_code',
    'rt_',
    `rt_${'A'.repeat(64)}`,
    'a.b.c',
    '\0',
    '%00',
    "'; drop table clients; --",
    '\u{1F600}',
    '9'.repeat(400),
  ),
);
const fields = fc.array(fc.tuple(names, values), { maxLength: 6 }).map((pairs) => new URLSearchParams(pairs).toString());
const bodies = fc.oneof(fields, text, fc.json({ maxDepth: 3 }), fc.uint8Array({ maxLength: 100 }));
const printable = fc.string({
  unit: fc
    .oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0xa0, max: 0xff }))
    .map((code) => String.fromCharCode(code)),
  maxLength: 60,
});
const authorizations = fc.oneof(
  printable,
  printable.map((value) => `Basic ${value}`),
  text.map((value) => `Basic ${Buffer.from(value).toString('base64')}`),
  printable.map((value) => `Bearer ${value}`),
  fc.constant('own'),
);

const request = async (
  name: RouteName,
  method: string,
  type: string,
  body: string | Uint8Array,
  authorization: string,
  query = '',
) => {
  const own = name === 'userinfo' ? `Bearer ${tokens.access_token}` : client.basic;
  const headers = {
    ...(type !== '' && { 'content-type': type }),
    ...(authorization !== '' && { authorization: authorization === 'own' ? own : authorization }),
  };
  const bodiless = method === 'GET' || method === 'HEAD';
  return send(server, pathOf(name) + query, { method, headers, ...(!bodiless && { body: body as never }) });
};

for (const name of programs) {
  test(`RFC 6749 §5.2: ${name} answers whatever it is sent with a clear error`, async () => {
    await fc.assert(
      fc.asyncProperty(methods, types, bodies, authorizations, async (method, type, body, authorization) => {
        assertClear(await request(name, method, type, body, authorization), `${method} ${name}`);
      }),
      { numRuns: 40 },
    );
  });
}

for (const name of ['token', 'introspect', 'revoke', 'userinfo'] as const) {
  test(`RFC 6749 §3.2: ${name} answers any parameters of an authenticated caller with a clear error`, async () => {
    await fc.assert(
      fc.asyncProperty(fields, async (body) => assertClear(await request(name, 'POST', form, body, 'own'), `${name} ${body}`)),
      { numRuns: 60 },
    );
  });
}

test('RFC 7591 §3.2.2: register answers any metadata with a clear error', async () => {
  const members = fc.constantFrom(
    'redirect_uris',
    'grant_types',
    'response_types',
    'client_name',
    'scope',
    'token_endpoint_auth_method',
    'contacts',
    'jwks',
    'default_max_age',
    'client_uri',
    '__proto__',
    'post_logout_redirect_uris',
    'software_id',
  );
  const anything = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    values,
    fc.array(values, { maxLength: 3 }),
    fc.constantFrom('\ud800', ['\ud800'], [['a']], { a: '\0' }, 1e308, -0),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(members, anything), { maxLength: 6 }), async (entries) => {
      await server.db.sql`truncate throttles`;
      const body = JSON.stringify({ redirect_uris: ['https://a.example/'], ...Object.fromEntries(entries) });
      assertClear(await request('register', 'POST', 'application/json', body, ''), `register ${body}`);
    }),
    { numRuns: 80 },
  );
});

test('RFC 7592 §2: any client id in the path and any token is a clear error', async () => {
  await fc.assert(
    fc.asyncProperty(
      text.map((value) => value.toWellFormed()),
      fc.string({ maxLength: 30 }),
      async (id, token) => {
        const headers = { authorization: `Bearer ${token}` };
        assertClear(await send(server, `/clients/register/${encodeURIComponent(id)}`, { headers }), `registration ${id}`);
      },
    ),
    { numRuns: 40 },
  );
});

test('RFC 9110 §15.5.14: a body beyond what the protocol needs is 413 in JSON', async () => {
  for (const name of ['token', 'introspect', 'revoke', 'userinfo', 'register'] as const) {
    const answer = await request(name, 'POST', name === 'register' ? 'application/json' : form, 'a'.repeat(70_000), 'own');
    assert.deepEqual([name, answer.status, answer.body.error], [name, 413, 'invalid_request']);
  }
});

test('RFC 9110 §15.5.14: the limit is 65,536 bytes as they were sent, of a form, which comes in base64, as of JSON', async () => {
  const status = async (name: 'token' | 'register', body: string) =>
    (await request(name, 'POST', name === 'register' ? 'application/json' : form, body, 'own')).status;
  const filled = (start: string, end: string, bytes: number) =>
    start + 'é'.repeat((bytes - start.length - end.length) >> 1) + 'a'.repeat((bytes - start.length - end.length) & 1) + end;
  for (const [name, start, end] of [
    ['token', 'grant_type=', ''],
    ['register', '{"client_name":"', '"}'],
  ] as const) {
    assert.equal(Buffer.byteLength(filled(start, end, 65_536)), 65_536);
    assert.deepEqual([name, await status(name, filled(start, end, 65_536))], [name, 400]);
    assert.deepEqual([name, await status(name, filled(start, end, 65_537))], [name, 413]);
  }
});

test('nothing that was thrown at the server is in a table half-written', async () => {
  const [row] = await server.db.sql`
    select (select count(*) from token_families where family_id not in (select family_id from authorization_codes))::integer as orphans,
      (select count(*) from access_tokens where family_id is not null and family_id not in (select family_id from token_families))::integer as strays`;
  assert.deepEqual({ ...row }, { orphans: 0, strays: 0 });
});
