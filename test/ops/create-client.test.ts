/** Clients made by an operator. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from '../../lib/ops/create-client.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { matchesDigest } from '../../lib/protocol/digest.ts';
import { findClient } from '../../lib/store/clients.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const create = (input: object) =>
  runProcedure(createClient, { db: bench.operator, ...clock }, { input, apply: true, reason: 'a test' });

test('a confidential client gets an id of 128 and a secret of 256 random bits, of which only the digest is kept', async () => {
  const { result } = await create({ client_name: 'demo', grant_types: ['client_credentials'], scope: 'read  write read' });
  assert.match(result?.client_id ?? '', /^[\w-]{22}$/);
  assert.match(result?.client_secret ?? '', /^[\w-]{43}$/);
  const stored = await findClient(bench.operator, result?.client_id ?? '');
  assert.ok(stored?.client_secret_hash && matchesDigest(result?.client_secret ?? '', stored.client_secret_hash));
  assert.equal(stored.scope, 'read write');
  assert.deepEqual(stored.response_types, []);
  assert.equal(stored.dynamic, false);
  const [row] = await bench.migrator.sql`select c::text as text from clients c where client_id = ${result?.client_id ?? ''}`;
  assert.ok(!String(row?.text).includes(result?.client_secret ?? '-'));
});

test('a public client has no secret and must use PKCE', async () => {
  const { result } = await create({ token_endpoint_auth_method: 'none', redirect_uris: ['com.example.app:/cb'] });
  assert.equal(result?.client_secret, undefined);
  assert.equal(result?.require_pkce, true);
  const refused = await create({
    token_endpoint_auth_method: 'none',
    redirect_uris: ['com.example.app:/cb'],
    require_pkce: false,
  });
  assert.match(refused.error?.message ?? '', /require_pkce is false; allowed: true for a public client/);
});

test('an operator may trust a client, give it resources and let it do without PKCE', async () => {
  const input = {
    redirect_uris: ['https://a.example/cb'],
    trusted: true,
    resources: ['https://api.example/'],
    require_pkce: false,
  };
  const { result } = await create(input);
  const stored = await findClient(bench.operator, result?.client_id ?? '');
  assert.deepEqual(
    [stored?.trusted, stored?.resources, stored?.require_pkce, stored?.grant_types],
    [true, ['https://api.example/'], false, ['authorization_code']],
  );
});

test('metadata that may not be registered is refused in the words of RFC 7591, and nothing is stored', async () => {
  const [{ count: earlier } = { count: 0 }] = await bench.operator.sql`select count(*)::integer from clients`;
  const refusals: [object, string, RegExp][] = [
    [{}, 'invalid_redirect_uri', /redirect_uris is missing/],
    [{ redirect_uris: ['http://a.example/cb'] }, 'invalid_redirect_uri', /uses http on a host/],
    [
      { grant_types: ['password'] },
      'invalid_client_metadata',
      /'password'; allowed: authorization_code, refresh_token, client_credentials/,
    ],
    [{ grant_types: ['client_credentials'], scope: 'a"b' }, 'invalid_client_metadata', /scope/],
    [
      { redirect_uris: ['https://a.example/cb'], resources: ['nonsense'] },
      'invalid_input',
      /resources is \["nonsense"\]; allowed: .*RFC 8707/,
    ],
    [{ redirect_uris: ['https://a.example/cb'], jwks_uri: 'https://a.example' }, 'invalid_input', /"jwks_uri"; allowed/],
  ];
  for (const [input, code, message] of refusals) {
    const { outcome, error } = await create(input);
    assert.equal(outcome, 'failed');
    assert.equal(error?.code, code);
    assert.match(error.message, message);
  }
  const [{ count } = { count: -1 }] = await bench.operator.sql`select count(*)::integer from clients`;
  assert.equal(count, earlier);
});

test('no id and no secret begins like an option of a command, which one in 64 random ones would', async () => {
  const input: object = { client_name: 'many', grant_types: ['client_credentials'], scope: 'read' };
  const tools = { db: bench.operator, ...clock };
  const checked = await createClient.look(tools, input);
  for (let made = 0; made < 600; made++) {
    const { client_id, client_secret } = await createClient.apply(tools, input, checked);
    assert.doesNotMatch(client_id, /^-/);
    assert.doesNotMatch(client_secret ?? '-', /^-/);
  }
});
