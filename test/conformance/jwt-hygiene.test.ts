/** Checks JWTs and keys from outside and, for constant-time comparison, in the sources. */
import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  exportSPKI,
  importJWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { introspect, revoke, send, userinfo } from '../support/calls.ts';
import { getTokens, type TokenAnswer } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;
let tokens: TokenAnswer['body'];
let claims: JWTPayload;

before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  user = await makeTestUser(server);
  tokens = (await getTokens(server, client, user, { nonce: 'n' })).body;
  claims = decodeJwt(tokens.access_token);
});
after(() => server.stop());

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** A forged access token is refused everywhere and cannot be used to revoke the one that it imitates. */
async function assertWorthless(token: string) {
  assert.equal((await userinfo(server, token)).status, 401);
  assert.deepEqual(await introspect(server, client, token), { active: false });
  assert.equal((await revoke(server, client, token)).status, 200);
  assert.equal((await introspect(server, client, tokens.access_token)).active, true);
}
/** As an ID token hint of a request to sign out it is an error page. */
async function assertNoHint(token: string) {
  const page = await send(server, `/logout?${new URLSearchParams({ id_token_hint: token })}`);
  assert.equal(page.status, 400);
  assert.match(page.text, /<title>Error/);
}
const publicKey = (alg: 'ES256' | 'RS256') => createPublicKey({ key: server.ring.keys[alg].active.jwk as never, format: 'jwk' });

test('J1: both tokens are signed with a real algorithm and the published key', async () => {
  const jwks = createLocalJWKSet((await send(server, '/.well-known/jwks.json')).body as never);
  const access = await jwtVerify(tokens.access_token, jwks, {
    issuer: server.issuer,
    audience: server.issuer,
    algorithms: ['ES256'],
    typ: 'at+jwt',
  });
  const id = await jwtVerify(tokens.id_token, jwks, {
    issuer: server.issuer,
    audience: client.client_id,
    algorithms: ['RS256'],
    typ: 'JWT',
  });
  assert.equal(access.payload.sub, id.payload.sub);
});

test('J2: a token without a signature is worthless', async () => {
  for (const alg of ['none', 'None', 'NONE', '']) {
    const head = encode({ alg, typ: 'at+jwt', kid: server.ring.keys.ES256.active.kid });
    for (const tail of ['', 'AA']) await assertWorthless(`${head}.${encode(claims)}.${tail}`);
  }
  const hint = encode({ alg: 'none', typ: 'JWT', kid: server.ring.keys.RS256.active.kid });
  await assertNoHint(`${hint}.${encode(decodeJwt(tokens.id_token))}.`);
});

test('J2: HS256 with the public key as the secret is worthless', async () => {
  for (const alg of ['ES256', 'RS256'] as const) {
    const { kid } = server.ring.keys[alg].active;
    const pem = await exportSPKI(publicKey(alg) as never);
    const jwk = JSON.stringify(await exportJWK(publicKey(alg) as never));
    for (const secret of [pem, pem.trim(), jwk]) {
      const sign = (payload: JWTPayload, typ: string) =>
        new SignJWT(payload).setProtectedHeader({ alg: 'HS256', typ, kid }).sign(Buffer.from(secret));
      await assertWorthless(await sign(claims, 'at+jwt'));
      await assertNoHint(await sign(decodeJwt(tokens.id_token), 'JWT'));
    }
  }
});

test('J2: an unknown kid, an embedded key and a key behind a URL are worthless', async () => {
  const { privateKey, publicKey: own } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const jwk = await exportJWK(own as never);
  const kid = server.ring.keys.ES256.active.kid;
  const headers = [
    { kid: 'unknown' },
    { jwk },
    { jwk, kid },
    { jku: 'http://127.0.0.1:1/jwks', kid: 'evil' },
    { x5u: 'http://127.0.0.1:1/cert', kid },
    { kid: '../../dev/null' },
    { kid: "' or 1=1 --" },
  ];
  for (const header of headers) {
    await assertWorthless(
      await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header } as never).sign(privateKey),
    );
  }
});

test('J2: a critical extension, another type and another algorithm under the right key are worthless', async () => {
  const { kid, jwk } = server.ring.keys.ES256.active;
  const key = await importJWK(jwk, 'ES256');
  const sign = (header: object) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid, ...header } as never).sign(key, { crit: { ext: true } });
  for (const header of [{ typ: 'at+jwt', crit: ['ext'], ext: 1 }, { typ: 'JWT' }, { typ: 'AT+JWT' }, {}])
    await assertWorthless(await sign(header));
  const rsa = server.ring.keys.RS256.active;
  const crossed = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid });
  await assertWorthless(await crossed.sign(await importJWK(rsa.jwk, 'RS256')));
  const [head, body, signature = ''] = tokens.access_token.split('.');
  for (const tail of [`${signature}=`, signature.slice(0, -4), `${signature}AA`, Buffer.alloc(64).toString('base64url')])
    await assertWorthless(`${head}.${body}.${tail}`);
});

test('J3: an access token is typed at+jwt and says who, for whom, until when, and which one it is', () => {
  assert.deepEqual(decodeProtectedHeader(tokens.access_token), {
    alg: 'ES256',
    typ: 'at+jwt',
    kid: server.ring.keys.ES256.active.kid,
  });
  const { iat, exp, jti, auth_time, ...rest } = claims;
  assert.deepEqual(rest, {
    iss: server.issuer,
    sub: user.subject,
    aud: server.issuer,
    client_id: client.client_id,
    scope: 'openid read',
  });
  assert.equal((exp ?? 0) - (iat ?? 0), 900);
  assert.match(jti ?? '', /^[0-9a-f-]{36}$/);
  assert.ok(Number(auth_time) <= Number(iat));
});

test('J3: an ID token is no access token, and an access token is no ID token hint', async () => {
  await assertWorthless(tokens.id_token);
  await assertNoHint(tokens.access_token);
});

test('J5: the JWKS has no private member, unique key ids, use and alg, and may be cached for a finite time', async () => {
  const { body, headers } = await send(server, '/.well-known/jwks.json');
  const keys = body.keys as Record<string, unknown>[];
  for (const key of keys) {
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']) assert.equal(name in key, false, name);
    assert.equal(key.use, 'sig');
    assert.ok(key.alg === 'ES256' || key.alg === 'RS256');
  }
  assert.equal(new Set(keys.map(({ kid }) => kid)).size, keys.length);
  const age = Number(/max-age=(\d+)/.exec(headers.get('cache-control') ?? '')?.[1]);
  assert.ok(age > 0 && age <= 3600);
});

test('J5: the key that will sign next is published ahead of its use', async () => {
  const { body } = await send(server, '/.well-known/jwks.json');
  const published = new Set((body.keys as { kid: string }[]).map(({ kid }) => kid));
  for (const { active, next } of Object.values(server.ring.keys)) assert.ok(published.has(active.kid) && published.has(next.kid));
});

test('J6: at_hash is the left half of the SHA-256 of the access token, for either algorithm', async () => {
  const elliptic = await makeTestClient(server, { id_token_signed_response_alg: 'ES256' });
  const other = (await getTokens(server, elliptic, user)).body;
  for (const { access_token, id_token } of [tokens, other]) {
    const half = createHash('sha256').update(access_token).digest().subarray(0, 16).toString('base64url');
    assert.equal(decodeJwt(id_token).at_hash, half);
  }
  assert.equal(decodeProtectedHeader(other.id_token).alg, 'ES256');
});

test('J8: in the sources no secret is compared but in constant time', () => {
  const root = join(import.meta.dirname, '../..');
  const files = ['lib/protocol', 'lib/flows', 'lib/http', 'lib/keys', 'lib/store', 'lib/ops', 'functions'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(root, folder, name)),
  );
  const sources = files.filter((file) => file.endsWith('.ts')).map((file) => ({ file, text: readFileSync(file, 'utf8') }));
  assert.ok(sources.length > 60);
  const secret = /(secret|_hash|digest|verifier|challenge|password|csrf\w*|signature|cookie)\b/i.source;
  const harmless = /(undefined|null|'[^']*'|"[^"]*")/.source;
  const equals = /(?:===|!==) ?/.source;
  const comparison = new RegExp(`\\b\\w*${secret}(?:\\(\\w*\\))? (?:===|!==)(?! ?${harmless})|${equals}[\\w.]*${secret}`, 'i');
  for (const leak of ['if (client_secret === given)', 'given !== row.refresh_hash', 'digest(token) === stored'])
    assert.match(leak, comparison);
  const found = sources.flatMap(({ file, text }) =>
    text
      .split('\n')
      .flatMap((line, at) => (comparison.test(line) ? [`${file.slice(root.length + 1)}:${at + 1}: ${line.trim()}`] : [])),
  );
  assert.deepEqual(found, []);
  assert.ok(sources.filter(({ text }) => text.includes('timingSafeEqual(')).length >= 3);
});

test('J8: no table holds a token, a secret or a password as it was sent', async () => {
  const planted = [tokens.access_token, tokens.refresh_token, tokens.id_token, client.client_secret, user.password];
  const tables = await server.db.sql<
    { name: string }[]
  >`select table_name as name from information_schema.tables where table_schema = 'public'`;
  assert.ok(tables.length > 10);
  for (const { name } of tables) {
    const rows = await server.db.sql<{ row: string }[]>`select t::text as row from ${server.db.sql(name)} t`;
    for (const { row } of rows) for (const value of planted) assert.equal(row.includes(value), false, name);
  }
});
