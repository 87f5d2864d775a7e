/** Questions about end-user accounts, on a real Postgres. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digest } from '../../lib/protocol/digest.ts';
import { startSession } from '../../lib/store/sessions.ts';
import { findSignIn, replacePasswordHash } from '../../lib/store/users.ts';
import { now, secondsLater } from '../support/protocol-values.ts';
import { openStore, passwordSetAt, storeUser } from '../support/store.ts';

const store = await openStore();
const { db, admin } = store;
const subject = await storeUser(store, 'Alice');

test('an account is found by its name in any case, and by nothing else', async () => {
  for (const name of ['Alice', 'alice', 'ALICE']) assert.equal((await findSignIn(db, name, null))?.subject, subject);
  for (const name of ['', 'Alice ', 'Ali%', "x' or '1'='1", 'bob'])
    assert.equal(await findSignIn(db, name, null), undefined, name);
});

test('an account name can be taken once, whatever its case', async () => {
  await assert.rejects(storeUser(store, 'aLICE'), { code: '23505' });
});

test('a sign-in finds what it needs: the hash of the password and the name as it was given', async () => {
  assert.deepEqual(await findSignIn(db, 'alice', null), {
    subject,
    username: 'Alice',
    password_hash: 'scrypt',
    password_changed_at: passwordSetAt,
    disabled: false,
    known_device: false,
  });
});

test('a device is known where this account signed in from it before, and only for this account', async () => {
  const device_hash = digest('device');
  await startSession(db, {
    session_hash: digest('session'),
    session_id: crypto.randomUUID(),
    subject,
    authenticated_at: now,
    expires_at: secondsLater(60),
    authenticated_for: null,
    replaces: null,
    device_hash,
    password_changed_at: passwordSetAt,
  });
  await storeUser(store, 'Bob');
  assert.equal((await findSignIn(db, 'alice', device_hash))?.known_device, true);
  assert.equal((await findSignIn(db, 'alice', digest('other')))?.known_device, false);
  assert.equal((await findSignIn(db, 'bob', device_hash))?.known_device, false);
});

test('a disabled account is found as disabled', async () => {
  const carol = await storeUser(store, 'Carol');
  await admin`update users set disabled_at = now() where subject = ${carol}`;
  assert.equal((await findSignIn(db, 'carol', null))?.disabled, true);
});

test('a password hash is replaced for one account alone', async () => {
  const dave = await storeUser(store, 'Dave');
  await replacePasswordHash(db, { subject: dave, password_changed_at: passwordSetAt }, 'stronger', now);
  assert.equal((await findSignIn(db, 'dave', null))?.password_hash, 'stronger');
  assert.equal((await findSignIn(db, 'alice', null))?.password_hash, 'scrypt');
});

test('the hash of a password that was changed meanwhile stays', async () => {
  const erin = await storeUser(store, 'Erin');
  await admin`update users set password_hash = 'new', password_changed_at = ${now} where subject = ${erin}`;
  await replacePasswordHash(db, { subject: erin, password_changed_at: passwordSetAt }, 'of before', now);
  assert.equal((await findSignIn(db, 'erin', null))?.password_hash, 'new');
});
