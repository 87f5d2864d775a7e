/** Secrets are kept as digests and compared by them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { digest, equalDigests, matchesDigest } from '../../lib/protocol/digest.ts';
import { anyText } from '../support/protocol-values.ts';

test('J8: a secret is stored as its SHA-256', () => {
  fc.assert(
    fc.property(anyText(), (secret) =>
      assert.deepEqual(digest(secret), createHash('sha256').update(Buffer.from(secret, 'utf8')).digest()),
    ),
  );
});

test('J8: a secret matches its own digest and no other', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (one, other) => {
      assert.ok(matchesDigest(one, digest(one)));
      assert.equal(matchesDigest(one, digest(other)), one === other);
      assert.equal(equalDigests(digest(one), digest(other)), one === other);
    }),
  );
});

test('J8: a stored value that is no digest matches nothing and does not throw', () => {
  fc.assert(
    fc.property(fc.string(), fc.uint8Array({ maxLength: 64 }), (secret, stored) => {
      assert.equal(matchesDigest(secret, stored), false);
      assert.equal(equalDigests(stored, digest(secret)), false);
    }),
  );
});
