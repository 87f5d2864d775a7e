/** The claims of a logout token. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildLogoutTokenClaims } from '../../lib/protocol/logout-token.ts';
import { issuer, now } from '../support/protocol-values.ts';

test('Back-Channel Logout §2.4: iss, aud, iat, exp, jti, sub, sid and events, and never a nonce', () => {
  const notice = {
    notice_id: 'n',
    client_id: 'client-a',
    subject: 's',
    session_id: 'sid',
    uri: 'https://a.example/',
    alg: 'ES256',
  } as const;
  const iat = now.getTime() / 1000;
  assert.deepEqual(buildLogoutTokenClaims(notice, issuer, 'jti', now), {
    iss: issuer,
    aud: 'client-a',
    iat,
    exp: iat + 120,
    jti: 'jti',
    sub: 's',
    sid: 'sid',
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  });
});
