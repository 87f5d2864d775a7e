/** What a presented refresh token yields: rotation, an idempotent retry, or the end of its family. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digest } from '../../lib/protocol/digest.ts';
import {
  formatRefreshToken,
  judgeRefreshToken,
  openSuccessor,
  readFamilyId,
  sealSuccessor,
  type TokenFamily,
} from '../../lib/protocol/refresh-token.ts';
import { anyText, makeFamily, now, secondsLater } from '../support/protocol-values.ts';

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
const token = fc.tuple(fc.uuid(), secret).map(([family, bytes]) => formatRefreshToken(family, bytes));

const family_id = '0f3a1d7e-3a51-4b1e-9d0c-5f8f1f6a2b3c';
const [first, second, third] = [1, 2, 3].map((byte) => formatRefreshToken(family_id, new Uint8Array(32).fill(byte))) as [
  string,
  string,
  string,
];

/** A family whose refresh token was rotated from `first` to `second` some seconds ago. */
const rotated = (seconds: number, fields: Partial<TokenFamily> = {}) =>
  makeFamily({
    family_id,
    refresh_hash: digest(second),
    generation: 1,
    previous_hash: digest(first),
    rotated_at: secondsLater(-seconds),
    successor_sealed: sealSuccessor(second, first),
    ...fields,
  });

const judge = (presented: string, family: TokenFamily | undefined, grace = 30, active = true, client = 'client-a') =>
  judgeRefreshToken(presented, family, active, client, grace, now);

test('a refresh token names its family, whatever its secret', () => {
  fc.assert(
    fc.property(fc.uuid(), secret, (family, bytes) => assert.equal(readFamilyId(formatRefreshToken(family, bytes)), family)),
  );
});

test('two refresh tokens differ when family or secret differ', () => {
  fc.assert(
    fc.property(fc.uuid(), secret, fc.uuid(), secret, (one, a, other, b) => {
      const same = one === other && Buffer.from(a).equals(b);
      assert.equal(formatRefreshToken(one, a) === formatRefreshToken(other, b), same);
    }),
  );
});

test('a text that is no refresh token of this server names no family', () => {
  for (const text of [
    '',
    'rt_',
    first.slice(3),
    `${first}A`,
    first.slice(0, -1),
    `${first}\n`,
    ` ${first}`,
    first.replace('rt_', 'RT_'),
    `${first.slice(0, -1)}=`,
    `${first.slice(0, -1)}+`,
  ]) {
    assert.equal(readFamilyId(text), undefined, JSON.stringify(text));
  }
  fc.assert(fc.property(anyText(), (text) => assert.equal(readFamilyId(text), undefined)));
});

test('R3: a sealed successor is opened by the token before it', () => {
  fc.assert(
    fc.property(token, token, (before, successor) =>
      assert.equal(openSuccessor(sealSuccessor(successor, before), before), successor),
    ),
  );
});

test('R3: a sealed successor is opened by no other token, not even by the successor', () => {
  fc.assert(
    fc.property(token, token, token, (before, successor, other) => {
      fc.pre(other !== before);
      assert.equal(openSuccessor(sealSuccessor(successor, before), other), undefined);
      if (successor !== before) assert.equal(openSuccessor(sealSuccessor(successor, before), successor), undefined);
    }),
  );
});

test('J8: a sealed successor shows nothing of itself, and its key is not the stored digest of the token', () => {
  const sealed = sealSuccessor(second, first);
  assert.equal(sealed.includes(second.slice(3, 12)), false);
  assert.equal(openSuccessor(sealed, digest(first).toString('hex')), undefined);
});

test('bad input everywhere: a damaged or cut sealed successor does not open, and does not throw', () => {
  fc.assert(
    fc.property(fc.nat(66), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const sealed = Uint8Array.from(sealSuccessor(second, first));
      sealed[at % sealed.length] = (sealed[at % sealed.length] ?? 0) ^ mask;
      assert.equal(openSuccessor(sealed, first), undefined);
    }),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => assert.equal(openSuccessor(bytes, first), undefined)));
});

test('R1: the current token is rotated', () => {
  const family = makeFamily({ family_id, refresh_hash: digest(first) });
  assert.deepEqual(judge(first, family), { kind: 'rotate', family });
  assert.equal(judge(second, rotated(5)).kind, 'rotate');
});

test('R2: the token before the current one, after the grace, is reuse', () => {
  assert.equal(judge(first, rotated(30)).kind, 'reused');
  assert.equal(judge(first, rotated(3600)).kind, 'reused');
});

test('R2: a token older than the one before is reuse, even inside the grace', () => {
  const family = rotated(1, {
    refresh_hash: digest(third),
    previous_hash: digest(second),
    successor_sealed: sealSuccessor(third, second),
    generation: 2,
  });
  assert.equal(judge(first, family).kind, 'reused');
  assert.equal(judge(second, family).kind, 'retry');
});

test('R2: once its family is revoked a token is refused, not reused again', () => {
  for (const presented of [first, second, third])
    assert.equal(judge(presented, rotated(60, { revoked_at: now })).kind, 'refused');
});

test('R3: the token before the current one, inside the grace, gets the same successor again and no other', () => {
  for (const seconds of [0, 1, 29.999]) {
    const verdict = judge(first, rotated(seconds));
    assert.equal(verdict.kind === 'retry' && verdict.successor, second);
  }
});

test('R3: a grace of 0 turns retries off, even if the clock that rotated is ahead of ours', () => {
  for (const seconds of [0, -0.001, -5]) assert.equal(judge(first, rotated(seconds), 0).kind, 'reused');
});

test('R3: a retry is served although the clock that rotated is ahead of ours', () => {
  assert.equal(judge(first, rotated(-1)).kind, 'retry');
});

test('R3: where no successor can be opened there is no retry', () => {
  assert.equal(judge(first, rotated(1, { successor_sealed: null })).kind, 'reused');
  assert.equal(judge(first, rotated(1, { successor_sealed: sealSuccessor(second, third) })).kind, 'reused');
});

test('R4: a token that was idle for too long is refused, and no retry is served for a successor that was', () => {
  const expired = { refresh_expires_at: now };
  assert.equal(judge(first, makeFamily({ family_id, refresh_hash: digest(first), ...expired })).kind, 'refused');
  assert.equal(judge(second, rotated(5, expired)).kind, 'refused');
  assert.equal(judge(first, rotated(5, expired)).kind, 'refused');
});

test('R4: the lifetime of the family ends the grace too', () => {
  assert.equal(judge(first, rotated(1, { expires_at: now })).kind, 'refused');
});

test('R6: the token of another client is refused, and its family goes on', () => {
  for (const presented of [first, second, third])
    assert.equal(judge(presented, rotated(60), 30, true, 'client-b').kind, 'refused');
});

test('R10: idle and absolute lifetime both end a token', () => {
  const family = (fields: Partial<TokenFamily>) => makeFamily({ family_id, refresh_hash: digest(first), ...fields });
  assert.equal(judge(first, family({ refresh_expires_at: secondsLater(0.001) })).kind, 'rotate');
  assert.equal(judge(first, family({ refresh_expires_at: now })).kind, 'refused');
  assert.equal(judge(first, family({ refresh_expires_at: null })).kind, 'refused');
  assert.equal(judge(first, family({ expires_at: secondsLater(0.001) })).kind, 'rotate');
  assert.equal(judge(first, family({ expires_at: now })).kind, 'refused');
});

test('R11: a token of an end-user, client or session that is no longer active is refused', () => {
  for (const presented of [first, second]) assert.equal(judge(presented, rotated(1), 30, false).kind, 'refused');
});

test('an unknown family is refused', () => {
  assert.equal(judge(first, undefined).kind, 'refused');
});

test('R14: no token is good for a family that was given none', () => {
  assert.notEqual(judge(first, makeFamily({ family_id })).kind, 'rotate');
});

test('R5: whatever is presented, only the current token rotates and only the one before it is retried', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(first, second, third),
      fc.integer({ min: -5, max: 100 }),
      fc.integer({ min: 0, max: 60 }),
      (presented, age, grace) => {
        const { kind } = judge(presented, rotated(age), grace);
        const expected = presented === second ? 'rotate' : presented === first && grace > 0 && age < grace ? 'retry' : 'reused';
        assert.equal(kind, expected);
      },
    ),
  );
});
