/** Which claims about an end-user are released. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeUser, releaseRequested } from '../../lib/protocol/userinfo.ts';
import { now } from '../support/protocol-values.ts';

const user = {
  subject: 'alice-1',
  username: 'alice',
  email: 'alice@a.example',
  email_verified: true,
  claims: { name: 'Alice', phone_number: '+1', sub: 'forged', secret_note: 'x' },
  updated_at: now,
};

test('U9: sub is the subject, whatever the claims of the account say', () => {
  assert.deepEqual(describeUser(user, ['openid'], null), { sub: 'alice-1' });
  assert.equal(describeUser(user, ['openid', 'profile'], { userinfo: { sub: null } }).sub, 'alice-1');
});

test('OpenID Connect Core §5.4: each scope releases its claims and no others', () => {
  assert.deepEqual(describeUser(user, ['openid', 'profile'], null), {
    sub: 'alice-1',
    name: 'Alice',
    preferred_username: 'alice',
    updated_at: now.getTime() / 1000,
  });
  assert.deepEqual(describeUser(user, ['email'], null), { sub: 'alice-1', email: 'alice@a.example', email_verified: true });
  assert.deepEqual(describeUser({ ...user, email: null }, ['email'], null), { sub: 'alice-1' });
  assert.deepEqual(describeUser(user, ['constructor', '__proto__', 'read'], null), { sub: 'alice-1' });
});

test('OpenID Connect Core §5.5: claims asked for one by one are released, unknown ones are no error', () => {
  const requested = { phone_number: null, secret_note: { essential: true }, nickname: null };
  assert.deepEqual(describeUser(user, ['openid'], { userinfo: requested }), { sub: 'alice-1', phone_number: '+1' });
  assert.deepEqual(releaseRequested(user, { ...requested, nonce: null, iss: null }), { phone_number: '+1' });
  assert.deepEqual(releaseRequested(user, undefined), {});
});
