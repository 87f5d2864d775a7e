/** The algorithm of access tokens: RS256 where a verifier knows nothing else, and a change of it under live tokens (RFC 9068 §2.1). */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { type AuthorizationServer, allowInsecureRequests, validateJwtAccessToken } from 'oauth4webapi';
import { readConfig } from '../../lib/config.ts';
import { readRequest } from '../../lib/http/request.ts';
import { createSigner } from '../../lib/keys/signer.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { introspect, refreshWith, revoke, send, sendJson, userinfo } from '../support/calls.ts';
import { exchangeForm, getCode, getTokens, postForm } from '../support/flow.ts';
import { makeEvent } from '../support/gateway-event.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let client: TestClient;
let user: TestUser;

before(async () => {
  server = await startServer({ OAUTH2_ACCESS_TOKEN_ALG: 'RS256' });
  client = await makeTestClient(server, { scope: 'openid offline_access events:write' });
  user = await makeTestUser(server);
});
after(() => server.stop());

const algorithmOf = (token: string) => decodeProtectedHeader(token).alg;
const event = { event: { type: 'billing.invoice_paid' } };
const handIn = async (token: string) =>
  (await sendJson(server, '/events/ingest', 'POST', event, { authorization: `Bearer ${token}` })).status;

/** Sends a form to the token endpoint as it is where the setting is ES256. */
async function postWithES256(form: Record<string, string>): Promise<Record<string, string>> {
  // Imported when the environment is that of the server.
  const { token } = await import('../../functions/http/token/token.ts');
  const headers = { 'content-type': 'application/x-www-form-urlencoded', authorization: client.basic };
  const body = new URLSearchParams(form).toString();
  const parts = {
    config: readConfig({ ...process.env, OAUTH2_ACCESS_TOKEN_ALG: 'ES256' }),
    db: server.db,
    signer: createSigner(async () => server.ring, Date.now),
  };
  const { body: answer } = await token(parts, readRequest(makeEvent({ path: '/oauth/token', headers, body }), '127.0.0.1'));
  return JSON.parse(answer ?? '');
}

/** Every endpoint that takes an access token takes this one, of an end-user with openid. */
async function assertGood(token: string): Promise<void> {
  assert.partialDeepStrictEqual(await introspect(server, client, token), { active: true, sub: user.subject });
  assert.equal((await userinfo(server, token)).status, 200);
}

test('RFC 9068 §4: standard libraries verify an RS256 access token of each grant type by discovery and JWKS', async () => {
  const { body } = await getTokens(server, client, user, { scope: 'openid offline_access' });
  const refreshed = (await refreshWith(server, client, body.refresh_token)).body;
  const own = (await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client)).body;
  const as = (await send(server, '/.well-known/oauth-authorization-server')).body as unknown as AuthorizationServer;
  for (const [{ access_token }, subject] of [
    [body, user.subject],
    [refreshed, user.subject],
    [own, client.client_id],
  ] as const) {
    const request = new Request('https://api.example/', { headers: { authorization: `Bearer ${access_token}` } });
    const options = { signingAlgorithms: ['RS256'], [allowInsecureRequests]: true };
    assert.equal((await validateJwtAccessToken(as, request, server.issuer, options)).sub, subject);
    const { payload } = await jwtVerify(access_token, createRemoteJWKSet(new URL(as.jwks_uri ?? '')), {
      issuer: server.issuer,
      audience: server.issuer,
      algorithms: ['RS256'],
      typ: 'at+jwt',
    });
    assert.equal(payload.client_id, client.client_id);
  }
  await assertGood(body.access_token);
  await assertGood(refreshed.access_token);
});

test('an RS256 access token hands events in and can be revoked', async () => {
  const { access_token } = (await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client)).body;
  assert.equal(await handIn(access_token), 202);
  await revoke(server, client, access_token);
  assert.deepEqual(await introspect(server, client, access_token), { active: false });
  assert.equal(await handIn(access_token), 401);
});

test('a change of the setting ends no token: those of before are good everywhere, are refreshed into new ones, and can be revoked', async () => {
  const before = await postWithES256(
    exchangeForm(client, await getCode(server, client, user, { scope: 'openid offline_access' })),
  );
  const { access_token = '', refresh_token = '' } = before;
  assert.equal(algorithmOf(access_token), 'ES256');
  await assertGood(access_token);
  const own = (await postWithES256({ grant_type: 'client_credentials' })).access_token ?? '';
  assert.equal(await handIn(own), 202);

  const refreshed = (await refreshWith(server, client, refresh_token)).body;
  assert.equal(algorithmOf(refreshed.access_token), 'RS256');
  await assertGood(refreshed.access_token);
  await assertGood(access_token);
  // And back again.
  const back = await postWithES256({ grant_type: 'refresh_token', refresh_token: refreshed.refresh_token });
  assert.equal(algorithmOf(back.access_token ?? ''), 'ES256');
  for (const one of [access_token, refreshed.access_token, back.access_token ?? '']) await assertGood(one);

  await revoke(server, client, access_token);
  assert.deepEqual(await introspect(server, client, access_token), { active: false });
  assert.equal((await userinfo(server, access_token)).status, 401);
});

test('OpenID Connect Core §2: the setting is about access tokens: ID tokens keep the algorithm of their client', async () => {
  const other = await makeTestClient(server, { id_token_signed_response_alg: 'ES256' });
  const { body } = await getTokens(server, other, user);
  assert.deepEqual([algorithmOf(body.access_token), algorithmOf(body.id_token)], ['RS256', 'ES256']);
});
