/** Proof Key for Code Exchange with S256. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { isCodeChallenge, isCodeVerifier, verifyCodeVerifier } from '../../lib/protocol/pkce.ts';

const verifier = fc.stringMatching(/^[A-Za-z0-9._~-]{43,128}$/);
const challengeOf = (text: string) => createHash('sha256').update(text).digest('base64url');

test('RFC 7636 appendix B: the example verifier matches the example challenge', () => {
  assert.ok(verifyCodeVerifier('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'));
});

test('P4: a challenge of 42, 44 or 129 characters, or with =, + or /, is malformed', () => {
  const challenge = challengeOf('x'.repeat(43));
  assert.ok(isCodeChallenge(challenge));
  for (const text of [
    '',
    challenge.slice(1),
    `${challenge}A`,
    'A'.repeat(129),
    `${challenge.slice(1)}=`,
    `${challenge}=`,
    `+${challenge.slice(1)}`,
    `/${challenge.slice(1)}`,
    `${challenge}\n`,
    ` ${challenge.slice(1)}`,
  ]) {
    assert.equal(isCodeChallenge(text), false, JSON.stringify(text));
  }
});

test('P4: the challenge of any verifier is well formed', () => {
  fc.assert(fc.property(verifier, (text) => isCodeVerifier(text) && isCodeChallenge(challengeOf(text))));
});

test('RFC 7636 §4.1: a verifier has 43 to 128 unreserved characters', () => {
  assert.ok(isCodeVerifier('a'.repeat(43)) && isCodeVerifier('~'.repeat(128)));
  for (const text of [
    'a'.repeat(42),
    'a'.repeat(129),
    `${'a'.repeat(43)}+`,
    `${'a'.repeat(43)}=`,
    `${'a'.repeat(43)}\n`,
    `${'a'.repeat(43)}é`,
  ]) {
    assert.equal(isCodeVerifier(text), false, text);
  }
});

test('P6: a verifier matches its own challenge and no other', () => {
  fc.assert(
    fc.property(verifier, verifier, (one, other) => {
      assert.ok(verifyCodeVerifier(one, challengeOf(one)));
      assert.equal(verifyCodeVerifier(other, challengeOf(one)), one === other);
    }),
  );
});

test('P6: a challenge that differs in any one character does not match', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  fc.assert(
    fc.property(verifier, fc.nat(42), fc.constantFrom(...alphabet), (text, at, character) => {
      const challenge = challengeOf(text);
      fc.pre(challenge[at] !== character);
      assert.equal(verifyCodeVerifier(text, challenge.slice(0, at) + character + challenge.slice(at + 1)), false);
    }),
  );
  const [text, challenge] = ['x'.repeat(43), challengeOf('x'.repeat(43))];
  const lastCharacters = [...alphabet].filter((last) => verifyCodeVerifier(text, challenge.slice(0, 42) + last));
  assert.deepEqual(lastCharacters, [challenge[42]], 'the last character has two bits that the digest does not fill');
});

test('P3: the verifier itself is no challenge that matches: plain is not S256', () => {
  fc.assert(fc.property(verifier, (text) => assert.equal(verifyCodeVerifier(text, text), false)));
});

test('P6: a malformed verifier never matches, even the challenge that is its digest', () => {
  for (const text of ['', 'short', 'a'.repeat(129), `${'a'.repeat(50)}é`]) {
    assert.equal(verifyCodeVerifier(text, challengeOf(text)), false);
  }
});
