/** Checks introspection from outside: who may ask, what is told, and that nothing is told of a token that is not active. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader, importJWK, SignJWT } from 'jose';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { assertRefused, introspect, refreshWith, revoke, send } from '../support/calls.ts';
import { getTokens, postForm, type TokenAnswer } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';

const api = 'https://api.example/v1';
let server: TestServer;
let client: TestClient;
let resourceServer: TestClient;
let stranger: TestClient;
let spa: TestClient;
let user: TestUser;
let tokens: TokenAnswer['body'];

before(async () => {
  server = await startServer();
  client = await makeTestClient(server, { resources: [api] });
  resourceServer = await makeTestClient(server, { resources: [api], grant_types: ['client_credentials'] });
  stranger = await makeTestClient(server);
  spa = await makeTestClient(server, { token_endpoint_auth_method: 'none' });
  user = await makeTestUser(server);
  tokens = (await getTokens(server, client, user, { resource: api, scope: 'openid read' })).body;
});
after(() => server.stop());

const ask = (form: Record<string, string>, of?: TestClient) => postForm(server, '/oauth/introspect', form, of);

test('I1: a caller without or with bad authentication is 401 invalid_client', async () => {
  const token = tokens.access_token;
  assertRefused(await ask({ token }), 401, 'invalid_client');
  assertRefused(await ask({ token, client_id: client.client_id }), 401, 'invalid_client');
  const bad = await ask({ token }, { ...client, basic: `Basic ${btoa(`${client.client_id}:wrong`)}` });
  assertRefused(bad, 401, 'invalid_client');
  assert.match(bad.headers.get('www-authenticate') ?? '', /^Basic /);
  // A bearer token is no way to authenticate here.
  assertRefused(
    await postForm(server, '/oauth/introspect', { token }, undefined, { authorization: `Bearer ${token}` }),
    401,
    'invalid_client',
  );
});

test('I2: a public client is refused, for its own token as for any other: nobody scans', async () => {
  const own = (await getTokens(server, spa, user)).body;
  for (const token of [own.access_token, own.refresh_token, tokens.access_token, 'nonsense'])
    assertRefused(await ask({ token }, spa), 401, 'invalid_client');
});

test('I3: unknown, malformed, expired, revoked and foreign tokens are inactive, and that is all that is said', async () => {
  const revoked = (await getTokens(server, client, user)).body;
  await revoke(server, client, revoked.access_token);
  await revoke(server, client, revoked.refresh_token);
  const foreign = await new SignJWT({ ...decodeJwt(tokens.access_token), iss: 'https://other.example' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: server.ring.keys.ES256.active.kid })
    .sign(await importJWK(server.ring.keys.ES256.active.jwk, 'ES256'));
  const dead = [
    'nonsense',
    'a.b.c',
    `rt_${'A'.repeat(64)}`,
    'é\n',
    'x'.repeat(20_000),
    revoked.access_token,
    revoked.refresh_token,
    foreign,
  ];
  for (const token of dead) assert.deepEqual(await introspect(server, client, token), { active: false });
});

test('I3: an expired access token is inactive', async () => {
  const claims = decodeJwt(tokens.access_token);
  const key = await importJWK(server.ring.keys.ES256.active.jwk, 'ES256');
  const header = { ...decodeProtectedHeader(tokens.access_token), alg: 'ES256' };
  const expired = { ...claims, iat: 1_700_000_000, exp: 1_700_000_900 };
  await server.db.sql`
    insert into access_tokens (jti, expires_at, issued_at, client_id) values (${claims.jti ?? ''}, to_timestamp(1700000900), to_timestamp(1700000000), ${client.client_id})`;
  assert.deepEqual(await introspect(server, client, await new SignJWT(expired).setProtectedHeader(header).sign(key)), {
    active: false,
  });
});

test('I3: a token of a disabled user or of a disabled client is inactive', async () => {
  const whose = await makeTestUser(server);
  const of = await makeTestClient(server, { resources: [api] });
  const theirs = (await getTokens(server, of, whose, { resource: api })).body;
  assert.equal((await introspect(server, resourceServer, theirs.access_token)).active, true);
  await server.db.sql`update users set disabled_at = now() where subject = ${whose.subject}`;
  assert.deepEqual(await introspect(server, resourceServer, theirs.access_token), { active: false });
  await server.db.sql`update users set disabled_at = null where subject = ${whose.subject}`;
  await server.db.sql`update clients set disabled_at = now() where client_id = ${of.client_id}`;
  assert.deepEqual(await introspect(server, resourceServer, theirs.access_token), { active: false });
});

test('I4: a caller that is neither the client nor the audience learns nothing', async () => {
  assert.deepEqual(await introspect(server, stranger, tokens.access_token), { active: false });
  assert.deepEqual(await introspect(server, stranger, tokens.refresh_token), { active: false });
  // A resource server has business with access tokens alone.
  assert.deepEqual(await introspect(server, resourceServer, tokens.refresh_token), { active: false });
});

test('I5: an active access token is described by its claims, to its client and to its audience', async () => {
  for (const caller of [client, resourceServer]) {
    const { exp, iat, jti, auth_time, ...rest } = await introspect(server, caller, tokens.access_token);
    assert.deepEqual(rest, {
      active: true,
      token_type: 'Bearer',
      client_id: client.client_id,
      scope: 'openid read',
      sub: user.subject,
      aud: api,
      iss: server.issuer,
      username: user.username,
    });
    assert.equal(Number(exp) - Number(iat), 900);
    assert.equal(typeof jti, 'string');
    assert.ok(Number(auth_time) <= Number(iat));
  }
});

test('I5: an active refresh token is described to its client', async () => {
  const { exp, iat, ...rest } = await introspect(server, client, tokens.refresh_token);
  assert.deepEqual(rest, {
    active: true,
    client_id: client.client_id,
    scope: 'openid read',
    sub: user.subject,
    aud: api,
    iss: server.issuer,
    username: user.username,
  });
  assert.ok(Number(exp) > Number(iat));
});

test('I5: a rotated refresh token is inactive while its successor is active', async () => {
  const first = (await getTokens(server, client, user)).body;
  const second = (await refreshWith(server, client, first.refresh_token)).body;
  assert.deepEqual(await introspect(server, client, first.refresh_token), { active: false });
  assert.equal((await introspect(server, client, second.refresh_token)).active, true);
});

test('I6: without a token it is invalid_request, GET is refused, nothing may be stored', async () => {
  assertRefused(await ask({}, client), 400, 'invalid_request');
  assertRefused(await ask({ token: '' }, client), 400, 'invalid_request');
  const got = await send(server, `/oauth/introspect?token=${tokens.access_token}`, { headers: { authorization: client.basic } });
  assertRefused(got, 405, 'invalid_request');
  assert.equal((await ask({ token: tokens.access_token }, client)).headers.get('cache-control'), 'no-store');
});

test('I7: a wrong token_type_hint still finds the token', async () => {
  for (const token_type_hint of ['refresh_token', 'access_token', 'unheard-of']) {
    for (const token of [tokens.access_token, tokens.refresh_token])
      assert.equal((await ask({ token, token_type_hint }, client)).body.active, true);
  }
});

test('I8: a token that decodes well but is signed with another key is inactive', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const forge = (header: object) =>
    new SignJWT(decodeJwt(tokens.access_token)).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', ...header }).sign(privateKey);
  for (const header of [{}, { kid: server.ring.keys.ES256.active.kid }, { kid: 'unknown' }])
    assert.deepEqual(await introspect(server, client, await forge(header)), { active: false });
  const [head, , signature] = tokens.access_token.split('.');
  const widened = Buffer.from(JSON.stringify({ ...decodeJwt(tokens.access_token), scope: 'admin' })).toString('base64url');
  assert.deepEqual(await introspect(server, client, `${head}.${widened}.${signature}`), { active: false });
});

test('I9: a revoked access token is inactive although its signature is still good', async () => {
  const own = (await getTokens(server, client, user)).body;
  assert.equal((await introspect(server, client, own.access_token)).active, true);
  assert.equal((await revoke(server, client, own.access_token)).status, 200);
  assert.deepEqual(await introspect(server, client, own.access_token), { active: false });
});
