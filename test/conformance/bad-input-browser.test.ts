/** Throws arbitrary queries, forms and cookies at the endpoints of the browser: a page or a redirect, never a failure of the server. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { type Answer, assertDiscreet, send } from '../support/calls.ts';
import { authorizeUrl, makePkce } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent } from '../support/user-agent.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
let cookie: string;
const pkce = makePkce();

before(async () => {
  server = await startServer();
  client = await makeTestClient(server, { trusted: false });
  user = await makeTestUser(server);
  const agent = createUserAgent(server);
  await agent.submit(await agent.get('/login'), { username: user.username, password: user.password });
  await agent.get('/logout');
  cookie = [...agent.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
});
after(() => server.stop());

/** A redirect goes to this server or to the one registered URI; everything else is a page, or empty. */
function assertSound(answer: Answer, from: string): void {
  assert.ok(answer.status < 500, `${from}: ${answer.status}`);
  assertDiscreet(answer.text);
  const location = answer.headers.get('location');
  if (location !== null)
    assert.ok(location.startsWith(server.issuer) || location.startsWith('https://client.example/'), `${from}: ${location}`);
  const tags =
    answer.text
      .replace(/"[^"]*"/g, '""')
      .match(/<[^>]*>/g)
      ?.join('') ?? '';
  assert.doesNotMatch(tags, /<script|\son\w+=/i, from);
}

const paths = fc.constantFrom('/oauth/authorize', '/login', '/consent', '/logout');
const names = fc.constantFrom(
  ...[
    'client_id',
    'redirect_uri',
    'response_type',
    'scope',
    'state',
    'code_challenge',
    'code_challenge_method',
    'prompt',
    'max_age',
    'nonce',
  ],
  ...[
    'claims',
    'resource',
    'id_token_hint',
    'login_hint',
    'post_logout_redirect_uri',
    'csrf_token',
    'username',
    'password',
    'decision',
  ],
);
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => text.toWellFormed()),
  fc.constantFrom(
    '\0',
    '%00',
    '%',
    '\r\nset-cookie: a=b',
    '"><script>alert(1)</script>',
    "' or 1=1 --",
    '{"id_token":{"__proto__":null}}',
    'a.b.c',
    '-1',
    '\u{1F600}',
  ),
);
const rawQuery = fc.oneof(
  fc
    .string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 120 })
    .map((text) => text.replaceAll('#', '')),
  fc.constantFrom(
    '%',
    '%zz',
    '%c3%28',
    '%ff%fe',
    '&&&===',
    '%00=%00',
    'client_id=%00',
    '=',
    'client_id[]=x&client_id[a]=y',
    '+',
    '%u0041',
  ),
);
/** A good request with some parameters replaced, or anything at all. */
const queries = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.array(fc.tuple(names, texts), { maxLength: 4 }).map((pairs) => (): string => {
      const url = new URL(authorizeUrl(client, pkce), server.issuer);
      for (const [name, text] of pairs) url.searchParams.set(name, text);
      return url.search.slice(1);
    }),
  },
  { weight: 1, arbitrary: rawQuery.map((text) => (): string => text) },
);
const cookies = fc.oneof(
  fc.constantFrom(
    'own',
    '',
    'session',
    'session=',
    '=;=',
    'session==;csrf=%00',
    `session=${'A'.repeat(43)}; csrf=${'B'.repeat(43)}`,
    'csrf="; device=x',
    'session=a; session=b',
  ),
  fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 60 }),
);

test('bad input everywhere: any query and any cookie by GET end in a page or a redirect to where it may go', async () => {
  await fc.assert(
    fc.asyncProperty(paths, queries, cookies, async (path, query, jar) => {
      const target = `${path}?${query()}`;
      assertSound(await send(server, target, { headers: { cookie: jar === 'own' ? cookie : jar } }), `GET ${target}`);
    }),
    { numRuns: 250 },
  );
});

const bodies = fc.oneof(
  fc.array(fc.tuple(names, texts), { maxLength: 5 }).map((pairs) => new URLSearchParams(pairs).toString()),
  rawQuery,
  fc.uint8Array({ maxLength: 80 }),
);
const types = fc.constantFrom(
  'application/x-www-form-urlencoded',
  'application/x-www-form-urlencoded; charset=utf-16',
  'multipart/form-data; boundary=x',
  'application/json',
  'text/plain',
);

test('bad input everywhere: any form by POST ends in a page or a redirect to where it may go', async () => {
  await fc.assert(
    fc.asyncProperty(paths, queries, bodies, types, cookies, async (path, query, body, type, jar) => {
      const target = `${path}?${query()}`;
      const headers = { 'content-type': type, cookie: jar === 'own' ? cookie : jar };
      assertSound(await send(server, target, { method: 'POST', headers, body: body as never }), `POST ${target}`);
    }),
    { numRuns: 250 },
  );
});

test('malformed percent-encoding and NUL are refused or ignored, and reach neither the database nor the page', async () => {
  const good = authorizeUrl(client, pkce);
  for (const tail of ['&state=%', '&x=%zz', '&state=%c3%28', '&%=1', '&state=%ED%A0%80'])
    assertSound(await send(server, `${good.replace('&state=xyz', '')}${tail}`), tail);
  for (const path of ['/oauth/authorize', '/login', '/consent', '/logout']) {
    const answer = await send(server, `${path}?client_id=%00&state=a`);
    assert.equal(answer.status, 400, path);
    assertSound(answer, path);
  }
});

test('a query of 100 KB is refused by the gateway or by the page, and the next request is served', async () => {
  for (const path of ['/oauth/authorize', '/login', '/consent', '/logout']) {
    const answer = await send(server, `${path}?client_id=${client.client_id}&state=${'x'.repeat(100_000)}`).catch(
      () => undefined,
    );
    if (answer) assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status}`);
  }
  assert.equal((await send(server, authorizeUrl(client, pkce))).status, 303);
});

test('a form of 100 KB is answered 413 with a page', async () => {
  for (const path of ['/oauth/authorize', '/login', '/logout']) {
    const answer = await send(server, path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `client_id=x&username=${'x'.repeat(100_000)}`,
    });
    assert.equal(answer.status, 413, path);
    assert.match(answer.text, /<title>Error<\/title>/);
  }
});

test('an authorization request of 2 KB of state in UTF-8 goes through sign-in and consent', async () => {
  const state = 'ß世'.repeat(410);
  assert.ok(Buffer.byteLength(state) >= 2048);
  const agent = createUserAgent(server);
  const signIn = await agent.follow(await agent.get(authorizeUrl(client, pkce, { state })));
  const consent = await agent.follow(await agent.submit(signIn, { username: user.username, password: user.password }));
  const back = await agent.follow(await agent.submit(consent, { decision: 'allow' }));
  assert.equal(new URL(back.location ?? '').searchParams.get('state'), state);
});

/** Sends a request as it is written, which no HTTP client would. @returns the status line */
function sendRaw(text: string): Promise<string> {
  const { hostname, port } = new URL(server.url('/'));
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.end(text, 'latin1'));
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.on('end', () => resolve(received.split('\r\n')[0] ?? ''));
    socket.on('error', reject);
  });
}

test('bytes in the request line and in cookies that no browser sends are no failure', async () => {
  const host = 'host: x\r\nconnection: close\r\n';
  for (const text of [
    `GET /oauth/authorize?client_id=\xff\xfe HTTP/1.1\r\n${host}\r\n`,
    `GET /login?state=\xe4 HTTP/1.1\r\n${host}cookie: session=\xff\xff; csrf=\xe4\r\n\r\n`,
    `GET /login?a?b?c HTTP/1.1\r\n${host}cookie: ;;;\r\ncookie: session=a\r\n\r\n`,
    `GET //login HTTP/1.1\r\n${host}\r\n`,
    `GET /login/../consent HTTP/1.1\r\n${host}\r\n`,
  ])
    assert.match(await sendRaw(text), /^HTTP\/1\.1 [234]\d\d /, text);
});

test('after all of that nobody was signed in and nothing was allowed', async () => {
  const [row] = await server.db.sql`
    select (select count(*)::integer from sessions where subject <> ${user.subject}) as sessions,
      (select count(*)::integer from grants where client_id <> ${client.client_id}) as grants`;
  assert.deepEqual({ ...row }, { sessions: 0, grants: 0 });
  assert.deepEqual(
    server.output.logs().filter(({ status }) => Number(status) >= 500),
    [],
  );
});
