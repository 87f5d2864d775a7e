/** Passwords as scrypt PHC strings. */
import assert from 'node:assert/strict';
import { randomBytes, scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { dummyHash, findPasswordFault, hashPassword, needsRehash, verifyPassword } from '../../lib/protocol/password.ts';

const salt = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

test('a hash is a PHC string of scrypt at 32 MiB and three passes, which scrypt itself confirms', async () => {
  const hash = await hashPassword('correct horse', salt);
  const key = scryptSync('correct horse', salt, 32, { N: 32768, r: 8, p: 3, maxmem: 64 * 1024 * 1024 });
  const plain = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '');
  assert.equal(hash, `$scrypt$ln=15,r=8,p=3$${plain(salt)}$${plain(key)}`);
  assert.equal(await verifyPassword('correct horse', hash), true);
  assert.equal(await verifyPassword('correct horsf', hash), false);
  assert.equal(needsRehash(hash), false);
});

test('NIST SP 800-63B §5.1.1.2: compatible forms of one password are one password', async () => {
  const hash = await hashPassword('cafe\u0301 ﬁnal', randomBytes(16));
  assert.equal(await verifyPassword('café final', hash), true);
});

test('NIST SP 800-63B §5.1.1.2: eight characters are enough, whichever, and 1024 bytes are the most', async () => {
  assert.match(findPasswordFault('1234567') ?? '', /fewer than 8 characters/);
  assert.equal(findPasswordFault('aaaaaaaa'), undefined);
  assert.match(findPasswordFault('🙂🙂🙂🙂') ?? '', /fewer than 8/);
  assert.equal(findPasswordFault('🙂🙂🙂🙂🙂🙂🙂🙂'), undefined);
  assert.equal(findPasswordFault('x'.repeat(1024)), undefined);
  assert.match(findPasswordFault('x'.repeat(1025)) ?? '', /longer than 1024 bytes/);
  await assert.rejects(hashPassword('', salt), RangeError);
  await assert.rejects(hashPassword('x'.repeat(1025), salt), RangeError);
});

test('an empty or overlong password and a hash of another kind never match, and never throw', async () => {
  const hash = await hashPassword('x'.repeat(1024), salt);
  assert.equal(await verifyPassword('x'.repeat(1025), hash), false);
  assert.equal(await verifyPassword('x'.repeat(10_000_000), hash), false);
  assert.equal(await verifyPassword('', hash), false);
  for (const other of [
    '',
    'none',
    '$2b$10$abcdefghijklmnopqrstuv',
    '$scrypt$ln=31,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ])
    assert.equal(await verifyPassword('secret', other), false);
});

test('the hash of no account costs what a real one costs, and nothing matches it', async () => {
  assert.equal(needsRehash(dummyHash), false);
  for (const password of ['', 'password', dummyHash]) assert.equal(await verifyPassword(password, dummyHash), false);
});

test('a hash of another cost still verifies, and asks to be replaced', async () => {
  const key = scryptSync('old one', salt, 32, { N: 1024, r: 8, p: 1 });
  const old = `$scrypt$ln=10,r=8,p=1$${salt.toString('base64').replaceAll('=', '')}$${key.toString('base64').replaceAll('=', '')}`;
  assert.equal(await verifyPassword('old one', old), true);
  assert.equal(needsRehash(old), true);
  assert.equal(needsRehash('$2b$10$abcdefghijklmnopqrstuv'), true);
});
