/** Compact JWS: what another implementation makes of ours, and what is refused. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { jwtVerify, SignJWT } from 'jose';
import { encodeHeader, fitsAlgorithm, readCompact, signCompact, verifyCompact } from '../../lib/protocol/compact-jws.ts';
import { type FindKey, verifyAccessToken, verifyIdTokenHint } from '../../lib/protocol/token-verification.ts';

const issuer = 'https://issuer.example';
const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const keys: Record<'ES256' | 'RS256', { publicKey: KeyObject; privateKey: KeyObject }> = { ES256: elliptic, RS256: rsa };
const findKey: FindKey = async (kid) => {
  const alg = kid === 'RS256' || kid === 'ES256' ? kid : undefined;
  return alg && { alg, key: keys[alg].publicKey };
};

const claims = {
  iss: issuer,
  sub: 'somebody',
  aud: 'https://api.example',
  client_id: 'client',
  jti: '6f1f3f8e-3c1b-4b1e-9a66-0d4f6a3f5a10',
  iat: 1_800_000_000,
  exp: 1_800_000_900,
};

const header = (alg: 'ES256' | 'RS256', typ = 'at+jwt') => encodeHeader({ alg, typ, kid: alg });
const ownToken = () => signCompact(header('ES256'), claims, elliptic.privateKey);
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The token with another header, signed again by our own key. */
const withHeader = (members: object) =>
  signCompact(encode({ alg: 'ES256', typ: 'at+jwt', kid: 'ES256', ...members }), claims, elliptic.privateKey);

describe('compact JWS', () => {
  for (const alg of ['ES256', 'RS256'] as const) {
    test(`RFC 7515 §5.1: another implementation verifies our ${alg}`, async () => {
      const token = signCompact(header(alg), claims, keys[alg].privateKey);
      const { payload, protectedHeader } = await jwtVerify(token, keys[alg].publicKey, {
        currentDate: new Date(1_800_000_000_000),
      });
      assert.deepEqual(payload, claims);
      assert.deepEqual(protectedHeader, { alg, typ: 'at+jwt', kid: alg });
    });

    test(`RFC 7515 §5.2: we verify another implementation's ${alg}`, async () => {
      const token = await new SignJWT(claims).setProtectedHeader({ alg, kid: alg }).sign(keys[alg].privateKey);
      const jws = readCompact(token);
      assert(jws);
      assert.deepEqual(verifyCompact(jws, keys[alg].publicKey), claims);
    });
  }

  test('RFC 7515 §4.1.11: a header that demands an extension is refused', () => {
    assert.equal(readCompact(withHeader({ crit: ['b64'], b64: false })), undefined);
  });

  test('a signature has one spelling: unused bits of its last character are zero', () => {
    const token = ownToken();
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const sibling = alphabet[alphabet.indexOf(token.at(-1) as string) + 1];
    assert.equal(readCompact(token.slice(0, -1) + sibling), undefined);
  });

  test('text that is no compact JWS is refused', () => {
    for (const text of [
      '',
      '.',
      '..',
      'a.b',
      'a.b.c',
      'a.b.c.d',
      `${ownToken()}=`,
      `${ownToken()}\n`,
      ` ${ownToken()}`,
      `${encode([])}.e30.AA`,
    ])
      assert.equal(readCompact(text), undefined, JSON.stringify(text));
  });

  test('RFC 7518 §3.3, §3.4: a key fits its own algorithm alone', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    assert.equal(fitsAlgorithm(elliptic.publicKey, 'ES256'), true);
    assert.equal(fitsAlgorithm(rsa.publicKey, 'RS256'), true);
    for (const [key, alg] of [
      [elliptic.publicKey, 'RS256'],
      [rsa.publicKey, 'ES256'],
      [other, 'ES256'],
      [short, 'RS256'],
      [rsa.publicKey, 'none'],
    ] as const)
      assert.equal(fitsAlgorithm(key, alg), false);
  });
});

describe('verification of our own tokens', () => {
  test('an access token with a good signature gives its claims', async () => {
    assert.deepEqual(await verifyAccessToken(ownToken(), findKey, issuer), claims);
  });

  test('J2: alg none, HS256 with the public key, an unknown kid and another typ are refused', async () => {
    const spki = elliptic.publicKey.export({ type: 'spki', format: 'pem' });
    const hmac = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: 'ES256' })
      .sign(Buffer.from(spki));
    const none = `${encode({ alg: 'none', typ: 'at+jwt', kid: 'ES256' })}.${encode(claims)}.`;
    const tokens = [
      hmac,
      none,
      `${none}AA`,
      withHeader({ alg: 'none' }),
      withHeader({ kid: 'other' }),
      withHeader({ kid: 7 }),
      withHeader({ typ: 'JWT' }),
      withHeader({ typ: undefined }),
    ];
    for (const token of tokens) assert.equal(await verifyAccessToken(token, findKey, issuer), undefined, token);
  });

  test('J2: a key that the header brings along is never used', async () => {
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = stranger.publicKey.export({ format: 'jwk' });
    for (const members of [{ jwk }, { jku: 'https://attacker.example/jwks' }, { x5u: 'https://attacker.example/x5u' }]) {
      const token = signCompact(encode({ alg: 'ES256', typ: 'at+jwt', kid: 'ES256', ...members }), claims, stranger.privateKey);
      assert.equal(await verifyAccessToken(token, findKey, issuer), undefined);
    }
  });

  test('J2: an RS256 key does not verify an ES256 header, nor the other way round', async () => {
    const wrong = encode({ alg: 'RS256', typ: 'at+jwt', kid: 'ES256' });
    assert.equal(await verifyAccessToken(signCompact(wrong, claims, rsa.privateKey), findKey, issuer), undefined);
    const crossed = encode({ alg: 'ES256', typ: 'at+jwt', kid: 'RS256' });
    assert.equal(await verifyAccessToken(signCompact(crossed, claims, elliptic.privateKey), findKey, issuer), undefined);
  });

  test('a changed payload, a changed signature and another issuer are refused', async () => {
    const [head, , signature] = ownToken().split('.');
    const forged = `${head}.${encode({ ...claims, sub: 'somebody else' })}.${signature}`;
    assert.equal(await verifyAccessToken(forged, findKey, issuer), undefined);
    const flipped = `${ownToken().slice(0, -4)}AAAA`;
    assert.equal(await verifyAccessToken(flipped, findKey, issuer), undefined);
    assert.equal(await verifyAccessToken(ownToken(), findKey, 'https://other.example'), undefined);
  });

  test('J3: an ID token is no access token, and an access token no hint', async () => {
    const idToken = signCompact(header('RS256', 'JWT'), { iss: issuer, sub: 'somebody', aud: 'client' }, rsa.privateKey);
    assert.equal(await verifyAccessToken(idToken, findKey, issuer), undefined);
    assert.equal(await verifyIdTokenHint(ownToken(), findKey, issuer), undefined);
    assert.deepEqual(await verifyIdTokenHint(idToken, findKey, issuer), { sub: 'somebody', aud: 'client', sid: undefined });
  });

  test('a database that is away while keys are looked up is not the fault of the token', async () => {
    const away: FindKey = () => Promise.reject(new Error('away'));
    await assert.rejects(verifyAccessToken(ownToken(), away, issuer), /away/);
  });
});
