/** Checks registration with an initial access token (RFC 7591 §3). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { digest } from '../../lib/protocol/digest.ts';
import { assertRefused, sendJson } from '../support/calls.ts';
import { startServer, type TestServer } from '../support/server.ts';

const initialToken = 'the-initial-access-token';
let server: TestServer;
before(async () => {
  server = await startServer({
    OAUTH2_REGISTRATION: 'token',
    OAUTH2_REGISTRATION_TOKEN_SHA256: digest(initialToken).toString('hex'),
  });
});
after(() => server.stop());

const register = (headers: Record<string, string>) =>
  sendJson(server, '/clients/register', 'POST', { redirect_uris: ['https://app.example/cb'] }, headers);

test('RFC 7591 §3: without the initial access token it is 401 with a bare challenge', async () => {
  for (const headers of [{}, { authorization: 'Basic YTpi' }]) {
    const answer = await register(headers as Record<string, string>);
    assertRefused(answer, 401, 'invalid_token');
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer\b(?!.*error)/);
  }
});

test('RFC 7591 §3: with a wrong one it is 401 invalid_token', async () => {
  for (const token of ['wrong', `${initialToken}x`, digest(initialToken).toString('hex')]) {
    const answer = await register({ authorization: `Bearer ${token}` });
    assertRefused(answer, 401, 'invalid_token');
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/);
  }
  const [row] = await server.db.sql`select count(*)::integer as count from clients`;
  assert.equal(row?.count, 0);
});

test('RFC 7591 §3: with the right one a client is registered, as often as needed', async () => {
  for (let time = 0; time < 2; time += 1) assert.equal((await register({ authorization: `Bearer ${initialToken}` })).status, 201);
});
