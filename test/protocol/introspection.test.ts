/** What introspection tells of a token, and to whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeAccessToken, describeRefreshToken, inactive } from '../../lib/protocol/introspection.ts';
import { buildAccessTokenClaims } from '../../lib/protocol/tokens.ts';
import { issuer, makeClient, makeFamily, now, secondsLater } from '../support/protocol-values.ts';

const claims = buildAccessTokenClaims({
  issuer,
  jti: 'jti-1',
  client_id: 'client-a',
  subject: 'alice',
  scope: ['read'],
  audience: ['https://api.example'],
  issued_at: now,
  expires_at: secondsLater(900),
});
const owner = makeClient();
const api = makeClient({ client_id: 'api', resources: ['https://api.example'] });
const stranger = makeClient({ client_id: 'stranger', resources: ['https://other.example'] });

test('I5: an active token tells client_id, scope, exp, iat, sub, aud, iss and token_type', () => {
  for (const caller of [owner, api]) {
    assert.deepEqual(describeAccessToken(claims, true, 'alice@a', caller, now), {
      active: true,
      token_type: 'Bearer',
      username: 'alice@a',
      ...claims,
    });
  }
  assert.equal('username' in describeAccessToken(claims, true, null, owner, now), false);
});

test('I3: an inactive or expired token is told as active false and nothing else', () => {
  assert.deepEqual(describeAccessToken(claims, false, 'alice', owner, now), { active: false });
  assert.equal(describeAccessToken(claims, true, 'alice', owner, secondsLater(899.999)).active, true);
  assert.deepEqual(describeAccessToken(claims, true, 'alice', owner, secondsLater(900)), { active: false });
});

test('I4: a caller that is neither the client nor the audience learns nothing', () => {
  assert.equal(describeAccessToken(claims, true, 'alice', stranger, now), inactive);
  const family = makeFamily({ resources: ['https://api.example'] });
  for (const caller of [api, stranger]) assert.equal(describeRefreshToken(family, 'alice', issuer, caller), inactive);
});

test('I5: a refresh token tells its client when it ends: by idleness or with its family, whichever comes first', () => {
  const exp = (idle: number, whole: number) => {
    const family = makeFamily({ refresh_expires_at: secondsLater(idle), expires_at: secondsLater(whole) });
    const told = describeRefreshToken(family, 'alice', issuer, owner);
    return told.active && (told.exp as number) - now.getTime() / 1000;
  };
  assert.equal(exp(60, 3600), 60);
  assert.equal(exp(7200, 3600), 3600);
});
