/** Checks an issuer with a path from outside: three well-known forms, and a flow below the path. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeJwt } from 'jose';
import { makeTestClient, makeTestUser } from '../support/accounts.ts';
import { send } from '../support/calls.ts';
import { exchangeForm, makePkce, postForm, walk } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { createUserAgent } from '../support/user-agent.ts';

const issuer = 'https://auth.example/tenant/one';
let server: TestServer;
before(async () => {
  server = await startServer({ OAUTH2_ISSUER: issuer });
});
after(() => server.stop());

test('RFC 8414 §3.1: the documents of an issuer with a path are found in each form', async () => {
  const forms = [
    '/.well-known/oauth-authorization-server/tenant/one',
    '/.well-known/openid-configuration/tenant/one',
    '/tenant/one/.well-known/openid-configuration',
    '/tenant/one/.well-known/oauth-authorization-server',
  ];
  for (const path of forms) {
    const { status, body } = await send(server, path);
    assert.deepEqual([status, body.issuer], [200, issuer], path);
  }
});

test('RFC 8414 §3.3: the document is not found where another issuer would have it', async () => {
  for (const path of [
    '/.well-known/openid-configuration',
    '/.well-known/openid-configuration/tenant',
    '/tenant/.well-known/openid-configuration',
  ])
    assert.equal((await send(server, path)).status, 404, path);
});

test('RFC 8414 §2: every endpoint is announced below the path and answers there alone', async () => {
  const { body } = await send(server, '/tenant/one/.well-known/openid-configuration');
  for (const [name, url] of Object.entries(body).filter(([key]) => /_endpoint$|^jwks_uri$/.test(key))) {
    const { pathname } = new URL(String(url));
    assert.ok(String(url).startsWith(`${issuer}/`), name);
    assert.notEqual((await send(server, pathname)).status, 404, name);
    assert.equal((await send(server, pathname.replace('/tenant/one', ''))).status, 404, name);
  }
});

test('A15: a flow runs below the path, and every issuer in it is the same', async () => {
  const client = await makeTestClient(server);
  const user = await makeTestUser(server);
  const pkce = makePkce();
  const query = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: client.redirect_uris[0] ?? '',
    response_type: 'code',
    scope: 'openid',
    code_challenge: pkce.challenge,
    code_challenge_method: 'S256',
  });
  const agent = createUserAgent(server);
  const back = await walk(agent, `/tenant/one/oauth/authorize?${query}`, user);
  assert.equal(back.searchParams.get('iss'), issuer);
  const form = exchangeForm(client, { agent, pkce, code: back.searchParams.get('code') ?? '' });
  const { status, body, headers } = await postForm(server, '/tenant/one/oauth/token', form, client);
  assert.equal(status, 200);
  assert.match(headers.get('strict-transport-security') ?? '', /max-age=\d+/);
  for (const token of [body.access_token, body.id_token]) assert.equal(decodeJwt(token).iss, issuer);
  const told = await send(server, '/tenant/one/oauth/userinfo', { headers: { authorization: `Bearer ${body.access_token}` } });
  assert.deepEqual([told.status, told.body.sub], [200, user.subject]);
});
