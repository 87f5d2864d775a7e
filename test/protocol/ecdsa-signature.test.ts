/** The two forms of an ES256 signature: each turns into the other, as Node itself turns them. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { toConcatenated, toDer } from '../../lib/protocol/ecdsa-signature.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

test('RFC 7518 §3.4: a converted signature verifies in either form, over many signatures', () => {
  for (let at = 0; at < 600; at++) {
    const data = Buffer.from(`message ${at}`);
    const der = sign('sha256', data, privateKey);
    const concatenated = toConcatenated(der);
    assert.equal(concatenated.length, 64);
    assert(verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, concatenated));
    assert.deepEqual(toDer(concatenated), der);
  }
});

test('numbers with leading zeros and with a high first bit survive both ways', () => {
  const number = fc.oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc
      .uint8Array({ minLength: 1, maxLength: 32 })
      .map((tail) => Uint8Array.from([...new Array(32 - tail.length).fill(0), ...tail])),
  );
  fc.assert(
    fc.property(number, number, (r, s) => {
      const signature = Buffer.concat([r, s]);
      const der = toDer(signature);
      assert(der);
      assert.equal(der[1], der.length - 2);
      assert.deepEqual(toConcatenated(der), signature);
    }),
  );
});

test('a signature of another length is none', () => {
  for (const length of [0, 1, 63, 65, 72, 96, 128]) assert.equal(toDer(Buffer.alloc(length)), undefined);
});

test('a signature of zeros does not verify', () => {
  const der = toDer(Buffer.alloc(64));
  assert(der);
  assert.equal(verify('sha256', Buffer.from('anything'), publicKey, der), false);
});
