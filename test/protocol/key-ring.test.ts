/** The key ring: which keys sign, which verifiers see, and that no private half is published. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompactSign, calculateJwkThumbprint, compactVerify, importJWK, type JWK } from 'jose';
import { signingAlgorithms } from '../../lib/protocol/client.ts';
import { generateKeyRing, generateSuccessor, listPublicKeys, parseKeyRing, toPublicJwk } from '../../lib/protocol/key-ring.ts';

const ring = await generateKeyRing();
const pairs = signingAlgorithms.flatMap((alg) => [ring.keys[alg].active, ring.keys[alg].next]);
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

test('J5: no public JWK has a private member', () => {
  for (const key of pairs) {
    const values = JSON.stringify(toPublicJwk(key));
    for (const member of privateMembers) {
      assert.equal(member in toPublicJwk(key), false, member);
      const secret = key.jwk[member as keyof JWK];
      if (secret !== undefined) assert.equal(values.includes(String(secret)), false, `the value of ${member}`);
    }
  }
});

test('J5: a public JWK has nothing but what RFC 7518 §6 and RFC 7517 §4 publish', () => {
  for (const key of pairs) {
    const marked = { ...key, jwk: { ...key.jwk, priv: 'planted', key_ops: ['sign'], ext: true } };
    const allowed = ['kty', 'kid', 'alg', 'use', ...(key.alg === 'RS256' ? ['n', 'e'] : ['crv', 'x', 'y'])];
    assert.deepEqual(Object.keys(toPublicJwk(marked)).sort(), allowed.sort());
  }
});

test('J5: every key has a kid of its own, which is its thumbprint (RFC 7638), with use and alg', async () => {
  const published = listPublicKeys(ring).map(({ public_jwk }) => public_jwk);
  assert.equal(new Set(published.map(({ kid }) => kid)).size, 2 * signingAlgorithms.length);
  for (const jwk of published) {
    assert.equal(jwk.kid, await calculateJwkThumbprint(jwk));
    assert.equal(jwk.use, 'sig');
    assert.ok(jwk.alg === 'RS256' || jwk.alg === 'ES256');
  }
});

test('J5: for each algorithm one key is active and the next is published ahead of its use', () => {
  const states = listPublicKeys(ring).map(({ alg, state }) => `${alg} ${state}`);
  assert.deepEqual(states.sort(), ['ES256 active', 'ES256 pending', 'RS256 active', 'RS256 pending']);
});

test('J5: what a private half signs its published half verifies, and no other key of the ring', async () => {
  for (const key of pairs) {
    const signed = await new CompactSign(new TextEncoder().encode('payload'))
      .setProtectedHeader({ alg: key.alg })
      .sign(await importJWK(key.jwk, key.alg));
    for (const other of pairs.filter(({ alg }) => alg === key.alg)) {
      const verified = compactVerify(signed, await importJWK(toPublicJwk(other), other.alg));
      await (other === key ? verified : assert.rejects(verified));
    }
  }
});

test('J5: RSA keys have 2048 bits', () => {
  assert.equal(Buffer.from(String(ring.keys.RS256.active.jwk.n), 'base64url').length, 256);
});

test('the ring after another lets its next keys sign, and other ones follow them', async () => {
  const successor = await generateSuccessor(ring);
  const former = pairs.map(({ kid }) => kid);
  for (const alg of signingAlgorithms) {
    assert.deepEqual(successor.keys[alg].active, ring.keys[alg].next);
    assert.ok(!former.includes(successor.keys[alg].next.kid));
  }
  assert.equal(successor.withdraws_others, undefined);
});

test('a ring survives its text', () => {
  assert.deepEqual(parseKeyRing(JSON.stringify(ring)), ring);
});

test('bad input everywhere: a text that is no complete ring of this version is none', () => {
  const without = (
    change: (copy: { keys: { ES256?: object; RS256: { next?: object; active: { jwk: { d?: string } } } } }) => void,
  ) => {
    const copy = JSON.parse(JSON.stringify(ring));
    change(copy);
    return JSON.stringify(copy);
  };
  for (const text of [
    '',
    'null',
    '1',
    '[]',
    '{}',
    '{"version":1}',
    '{"version":1,"keys":null}',
    '{"version":1,"keys":{"RS256":{}}}',
    without((copy) => Object.assign(copy, { version: 2 })),
    without((copy) => Reflect.deleteProperty(copy.keys, 'ES256')),
    without((copy) => Reflect.deleteProperty(copy.keys.RS256, 'next')),
    without((copy) => Reflect.deleteProperty(copy.keys.RS256.active.jwk, 'd')),
  ]) {
    assert.equal(parseKeyRing(text), undefined, text.slice(0, 40));
  }
});
