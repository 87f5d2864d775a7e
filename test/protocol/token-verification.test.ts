/** Our own JWTs are verified with a fixed algorithm and type for each use. */
import assert from 'node:assert/strict';
import { createPublicKey, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { importJWK, type JWK, SignJWT, UnsecuredJWT } from 'jose';
import { generateKeyRing, type PrivateKey, toPublicJwk } from '../../lib/protocol/key-ring.ts';
import { verifyAccessToken, verifyIdTokenHint } from '../../lib/protocol/token-verification.ts';
import { issuer } from '../support/protocol-values.ts';

const [ring, foreign] = [await generateKeyRing(), await generateKeyRing()];
const published = Object.values(ring.keys).map(({ active }) => active);
const publicKey = (key: PrivateKey) => createPublicKey({ key: toPublicJwk(key) as never, format: 'jwk' });
const findKey = async (kid: string) => {
  const key = published.find((one) => one.kid === kid);
  return key && { alg: key.alg, key: publicKey(key) };
};
const es256 = ring.keys.ES256.active;
const rs256 = ring.keys.RS256.active;

const complete = {
  iss: issuer,
  sub: 'alice',
  aud: 'client-a',
  client_id: 'client-a',
  jti: randomUUID(),
  exp: 4_000_000_000,
  sid: 's',
};
const sign = async (key: PrivateKey, typ: string, claims: object = {}, header: object = {}) =>
  new SignJWT({ ...complete, ...claims })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ, ...header })
    .sign(await importJWK(key.jwk, key.alg));
const access = (token: string) => verifyAccessToken(token, findKey, issuer);
const hint = (token: string) => verifyIdTokenHint(token, findKey, issuer);

test('J3: an access token and an ID token of ours are verified, expired or not', async () => {
  for (const key of [rs256, es256]) {
    assert.deepEqual(await access(await sign(key, 'at+jwt')), complete);
    assert.equal((await access(await sign(key, 'at+jwt', { exp: 1 })))?.exp, 1);
    assert.deepEqual(await hint(await sign(key, 'JWT', { exp: 1 })), { sub: 'alice', aud: 'client-a', sid: 's' });
  }
});

test('J3: an ID token is refused as access token, and an access token as id_token_hint', async () => {
  for (const key of [rs256, es256]) {
    assert.equal(await access(await sign(key, 'JWT')), undefined);
    assert.equal(await hint(await sign(key, 'at+jwt')), undefined);
  }
});

test('J2: none, HS256 keyed with the public key, and another algorithm than the key has are refused', async () => {
  const none = new UnsecuredJWT(complete).encode();
  const pem = Buffer.from(publicKey(es256).export({ type: 'spki', format: 'pem' }));
  const confused = await new SignJWT(complete).setProtectedHeader({ alg: 'HS256', kid: es256.kid, typ: 'at+jwt' }).sign(pem);
  const header = Buffer.from(JSON.stringify({ alg: 'none', kid: es256.kid, typ: 'at+jwt' })).toString('base64url');
  const crossed = [await sign(rs256, 'at+jwt', {}, { kid: es256.kid }), await sign(es256, 'at+jwt', {}, { kid: rs256.kid })];
  for (const token of [none, confused, `${header}.${none.split('.')[1]}.`, ...crossed])
    assert.equal(await access(token), undefined);
});

test('J2: an unknown kid, a foreign key under a known kid and an embedded jwk, jku or x5u are refused', async () => {
  const thief = foreign.keys.ES256.active;
  const jwk = toPublicJwk(thief) as JWK;
  assert.equal(await access(await sign(thief, 'at+jwt')), undefined);
  assert.equal(await access(await sign(thief, 'at+jwt', {}, { kid: es256.kid })), undefined);
  assert.equal(await access(await sign(thief, 'at+jwt', {}, { kid: es256.kid, jwk })), undefined);
  assert.equal(await hint(await sign(foreign.keys.RS256.active, 'JWT')), 'unknown key');
  assert.equal(await hint(await sign(foreign.keys.RS256.active, 'JWT', {}, { kid: rs256.kid })), undefined);
  for (const extra of [{ jwk }, { jku: 'https://evil.example/jwks' }, { x5u: 'https://evil.example/x5u' }]) {
    assert.equal(await access(await sign(thief, 'at+jwt', {}, extra)), undefined);
  }
});

test('I8: a token of another issuer, or one that was changed, is refused', async () => {
  assert.equal(await access(await sign(es256, 'at+jwt', { iss: 'https://other.example' })), undefined);
  assert.equal(await hint(await sign(es256, 'JWT', { iss: `${issuer}/` })), undefined);
  const [header, , signature] = (await sign(es256, 'at+jwt')).split('.');
  const payload = Buffer.from(JSON.stringify({ ...complete, sub: 'mallory' })).toString('base64url');
  assert.equal(await access(`${header}.${payload}.${signature}`), undefined);
});

test('I3: a text that is no token is refused without a question to the store', async () => {
  const asks = async (): Promise<never> => assert.fail('asked for a key');
  for (const text of ['', '.', '..', 'a.b.c', 'x'.repeat(20_000), 'eyJhbGciOiJub25lIn0..', 'é.é.é']) {
    assert.equal(await verifyAccessToken(text, asks, issuer), undefined, text.slice(0, 20));
  }
});

test('I8: a signature that was good makes no other token good: changed ones are refused, a withdrawn key forgets all', async () => {
  const key = publicKey(es256);
  const held = async (kid: string) => (kid === es256.kid ? { alg: es256.alg, key } : undefined);
  const token = await sign(es256, 'at+jwt');
  assert.deepEqual(await verifyAccessToken(token, held, issuer), complete);
  assert.deepEqual(await verifyAccessToken(token, held, issuer), complete);
  const [header, payload, signature] = token.split('.');
  const other = (await sign(es256, 'at+jwt', { jti: randomUUID() })).split('.');
  for (const changed of [`${header}.${payload}.${other[2]}`, `${header}.${other[1]}.${signature}`])
    assert.equal(await verifyAccessToken(changed, held, issuer), undefined);
  assert.equal(await verifyAccessToken(token, held, 'https://other.example'), undefined);
  assert.equal(await verifyAccessToken(token, async () => undefined, issuer), undefined);
  const replaced = async () => ({ alg: 'ES256', key: publicKey(foreign.keys.ES256.active) });
  assert.equal(await verifyAccessToken(token, replaced, issuer), undefined);
});

test("a store that is away is not the token's fault: its error comes through", async () => {
  const away = async (): Promise<never> => {
    throw new Error('away');
  };
  await assert.rejects(verifyAccessToken(await sign(es256, 'at+jwt'), away, issuer), /away/);
});
