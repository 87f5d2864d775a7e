/** Checks the discovery documents from outside: exact issuer, endpoints that answer, nothing announced that is off. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { routes } from '../../lib/routes.ts';
import { makeTestClient } from '../support/accounts.ts';
import { send } from '../support/calls.ts';
import { postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';

const paths = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'];
let server: TestServer;
before(async () => {
  server = await startServer({ OAUTH2_REGISTRATION: 'open' });
});
after(() => server.stop());

const documents = async () => Promise.all(paths.map(async (path) => (await send(server, path)).body));

test('RFC 8414 §3.3: the issuer is exactly the one that the document was fetched under', async () => {
  for (const document of await documents()) assert.equal(document.issuer, server.issuer);
});

test('RFC 8414 §3: both documents are the same JSON, open to every origin and cacheable for a while', async () => {
  const [one, other] = await Promise.all(paths.map((path) => send(server, path)));
  assert.deepEqual(one?.body, other?.body);
  for (const answer of [one, other]) {
    assert.match(answer?.headers.get('content-type') ?? '', /^application\/json/);
    assert.match(answer?.headers.get('cache-control') ?? '', /max-age=\d+/);
    assert.equal(answer?.headers.get('access-control-allow-origin'), '*');
  }
});

test('P10: S256 alone is announced, in both documents', async () => {
  for (const document of await documents()) assert.deepEqual(document.code_challenge_methods_supported, ['S256']);
});

test('RFC 8414 §2: every announced endpoint answers, with a method that it serves', async () => {
  const [document = {}] = await documents();
  const announced = Object.entries(document).filter(([name]) => /_endpoint$|^jwks_uri$/.test(name));
  assert.equal(announced.length, Object.values(routes).filter((route) => 'metadata' in route).length);
  for (const [name, url] of announced) {
    assert.ok(String(url).startsWith(`${server.issuer}/`), name);
    const route = Object.values(routes).find((row) => 'metadata' in row && row.metadata === name);
    const answer = await send(server, String(url).slice(server.issuer.length), { method: route?.methods[0] ?? 'GET' });
    assert.ok(![404, 405].includes(answer.status) && answer.status < 500, `${name}: ${answer.status}`);
  }
});

test('RFC 8414 §2: the announced grant types are the supported ones, and no others', async () => {
  const [document = {}] = await documents();
  const client = await makeTestClient(server);
  const announced = document.grant_types_supported as string[];
  for (const grant_type of [...announced, 'password', 'implicit', 'urn:ietf:params:oauth:grant-type:device_code']) {
    const { body } = await postForm(server, '/oauth/token', { grant_type }, client);
    assert.equal(body.error === 'unsupported_grant_type', !announced.includes(grant_type), grant_type);
  }
  assert.deepEqual(document.response_types_supported, ['code']);
  assert.deepEqual(document.token_endpoint_auth_methods_supported, ['client_secret_basic', 'client_secret_post', 'none']);
  assert.equal((document.introspection_endpoint_auth_methods_supported as string[]).includes('none'), false);
});

test('RFC 8414 §2: nothing is announced that this server does not do', async () => {
  const [document = {}] = await documents();
  const absent =
    /^(pushed_|device_|backchannel_(?!logout_)|frontchannel_|check_session|require_|dpop_|tls_|mtls_|request_object_|service_|op_)/;
  assert.deepEqual(
    Object.keys(document).filter((name) => absent.test(name)),
    [],
  );
  assert.deepEqual([document.request_parameter_supported, document.request_uri_parameter_supported], [false, false]);
  assert.equal((document.id_token_signing_alg_values_supported as string[]).includes('none'), false);
});

test('A15: the iss parameter of authorization responses is announced', async () => {
  for (const document of await documents()) assert.equal(document.authorization_response_iss_parameter_supported, true);
});

test('A27: what a request says of host and scheme does not change the document', async () => {
  const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'gopher', forwarded: 'host=evil.example' };
  for (const path of paths) assert.deepEqual((await send(server, path, { headers })).body, (await documents())[0]);
});

test('A18: scripts of other origins may call what they need, and preflight answers', async () => {
  for (const path of [
    '/oauth/token',
    '/oauth/revoke',
    '/oauth/userinfo',
    '/clients/register',
    '/.well-known/jwks.json',
    ...paths,
  ]) {
    const headers = {
      origin: 'https://spa.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    };
    const answer = await send(server, path, { method: 'OPTIONS', headers });
    assert.equal(answer.status, 204, path);
    assert.equal(answer.headers.get('access-control-allow-origin'), '*', path);
    assert.match(answer.headers.get('access-control-allow-headers') ?? '', /authorization/);
  }
  const refused = await postForm(server, '/oauth/token', {});
  assert.equal(refused.headers.get('access-control-allow-origin'), '*');
});

test('RFC 9110 §9.3.2: HEAD answers as GET without a body', async () => {
  for (const path of [...paths, '/.well-known/jwks.json']) {
    const answer = await send(server, path, { method: 'HEAD' });
    assert.deepEqual([answer.status, answer.text], [200, '']);
  }
});
