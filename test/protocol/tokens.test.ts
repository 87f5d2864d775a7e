/** The claims of access tokens and ID tokens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type AccessTokenFacts,
  buildAccessTokenClaims,
  buildIdTokenClaims,
  halfHash,
  type IdTokenFacts,
} from '../../lib/protocol/tokens.ts';
import { issuer, makeClient, now, secondsLater } from '../support/protocol-values.ts';

const access: AccessTokenFacts = {
  issuer,
  jti: 'jti-1',
  client_id: 'client-a',
  subject: 'alice',
  scope: ['openid', 'read'],
  audience: ['https://api.example'],
  issued_at: now,
  expires_at: secondsLater(900),
};

const id: IdTokenFacts = {
  issuer,
  client: makeClient(),
  subject: 'alice',
  session_id: 'session-1',
  authenticated_at: secondsLater(-60),
  amr: ['pwd'],
  nonce: 'n-1',
  access_token: 'jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y',
  issued_at: now,
  lifetime_seconds: 3600,
  extra: {},
};

test('J3: an access token has iss, exp, aud, sub, client_id, iat and jti (RFC 9068 §2.2)', () => {
  assert.deepEqual(buildAccessTokenClaims(access), {
    iss: issuer,
    exp: now.getTime() / 1000 + 900,
    aud: 'https://api.example',
    sub: 'alice',
    client_id: 'client-a',
    iat: now.getTime() / 1000,
    jti: 'jti-1',
    scope: 'openid read',
  });
});

test('J3: several resources make an audience list, and no scope makes no scope claim', () => {
  const claims = buildAccessTokenClaims({ ...access, audience: ['https://one.example', 'https://two.example'], scope: [] });
  assert.deepEqual(claims.aud, ['https://one.example', 'https://two.example']);
  assert.equal('scope' in claims, false);
});

test('J3: auth_time is told where an end-user signed in', () => {
  assert.equal(buildAccessTokenClaims({ ...access, authenticated_at: secondsLater(-60) }).auth_time, now.getTime() / 1000 - 60);
  assert.equal('auth_time' in buildAccessTokenClaims(access), false);
});

test('J3: the times of a token are whole seconds', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }), (date) => {
      const claims = buildAccessTokenClaims({ ...access, issued_at: date, expires_at: date, authenticated_at: date });
      for (const time of [claims.iat, claims.exp, claims.auth_time]) assert.equal(time, Math.floor(date.getTime() / 1000));
      const idToken = buildIdTokenClaims({ ...id, issued_at: date, authenticated_at: date });
      assert.equal(idToken.exp, (idToken.iat as number) + 3600);
      assert.ok(Number.isSafeInteger(idToken.auth_time));
    }),
  );
});

test('J6: at_hash is the left half of the SHA-256 of the access token', () => {
  // The example of OpenID Connect Core appendix A.3: its access token and its at_hash.
  assert.equal(halfHash('jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y'), '77QmUPtjPfzWtF2AnpK9RQ');
  assert.equal(buildIdTokenClaims(id).at_hash, '77QmUPtjPfzWtF2AnpK9RQ');
});

test('OpenID Connect Core §2: an ID token has the required claims, the nonce of the request and the session', () => {
  assert.partialDeepStrictEqual(buildIdTokenClaims(id), {
    iss: issuer,
    sub: 'alice',
    aud: 'client-a',
    iat: now.getTime() / 1000,
    exp: now.getTime() / 1000 + 3600,
    auth_time: now.getTime() / 1000 - 60,
    nonce: 'n-1',
    sid: 'session-1',
    amr: ['pwd'],
    acr: '1',
  });
});

test('R13: without a nonce there is none', () => {
  assert.equal('nonce' in buildIdTokenClaims({ ...id, nonce: null }), false);
});

test('no claim that was asked for can replace one that the protocol sets', () => {
  const own = Object.keys(buildIdTokenClaims(id));
  const extra = Object.fromEntries(own.map((name) => [name, 'forged']));
  assert.deepEqual(buildIdTokenClaims({ ...id, extra }), buildIdTokenClaims(id));
  assert.notEqual(buildIdTokenClaims({ ...id, nonce: null, extra }).nonce, 'forged');
  assert.equal(buildIdTokenClaims({ ...id, extra: { name: 'Alice' } }).name, 'Alice');
});
