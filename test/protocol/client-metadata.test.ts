/** Which client metadata may be registered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkClientMetadata, type MetadataFault, type RegistrationPolicy } from '../../lib/protocol/client-metadata.ts';

const operator: RegistrationPolicy = { dynamic: false, require_pkce: true };
const dynamic: RegistrationPolicy = {
  dynamic: true,
  allowed_scope: 'openid profile',
  default_scope: 'openid',
  require_pkce: true,
};
const uri = 'https://client.example/cb';

function accept(input: unknown, policy = dynamic) {
  const verdict = checkClientMetadata(input, policy);
  assert.ok('client' in verdict, JSON.stringify(verdict));
  return verdict.client;
}

function refuse(input: unknown, error: MetadataFault['error'], pattern: RegExp, policy = dynamic) {
  const verdict = checkClientMetadata(input, policy);
  assert.ok('error' in verdict, 'was accepted');
  assert.equal(verdict.error, error);
  assert.match(verdict.description, pattern);
}

test('RFC 7591 §2: what is not said is authorization_code, code and client_secret_basic', () => {
  assert.deepEqual(accept({ redirect_uris: [uri] }), {
    client_name: '',
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [uri],
    post_logout_redirect_uris: [],
    backchannel_logout_uri: null,
    backchannel_logout_session_required: false,
    grant_types: ['authorization_code'],
    response_types: ['code'],
    scope: 'openid',
    resources: [],
    id_token_signed_response_alg: 'RS256',
    require_pkce: true,
    trusted: false,
    dynamic: true,
    default_max_age: null,
    require_auth_time: false,
    metadata: {},
  });
});

test('RFC 7591 §2: unknown members are ignored and null ones count as absent', () => {
  const client = accept({
    redirect_uris: [uri],
    client_name: null,
    trusted: true,
    resources: ['https://x.example'],
    tls: 1,
    dynamic: false,
  });
  assert.deepEqual([client.client_name, client.trusted, client.resources, client.dynamic], ['', false, [], true]);
});

test('RFC 7591 §2: authorization_code needs redirect_uris, each of them allowed', () => {
  refuse({}, 'invalid_redirect_uri', /redirect_uris is missing/);
  refuse({ redirect_uris: [] }, 'invalid_redirect_uri', /redirect_uris is missing/);
  refuse({ redirect_uris: 'x' }, 'invalid_redirect_uri', /redirect_uris is 'x'; allowed: a list of at most 20 URIs/);
  refuse({ redirect_uris: [7] }, 'invalid_redirect_uri', /redirect_uris is 7/);
  refuse({ redirect_uris: [`${uri}#f`] }, 'invalid_redirect_uri', /contains a fragment/);
  refuse({ redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri', /scheme/);
  refuse({ redirect_uris: [`${uri}\0`] }, 'invalid_redirect_uri', /control character/);
  refuse({ redirect_uris: Array(21).fill(uri) }, 'invalid_redirect_uri', /at most 20/);
  refuse({ redirect_uris: [`${uri}/${'x'.repeat(2000)}`] }, 'invalid_redirect_uri', /at most 2000/);
  assert.deepEqual(accept({ redirect_uris: [uri, uri] }).redirect_uris, [uri]);
});

test('RFC 7591 §2.1: grant types and response types fit each other', () => {
  const grants = (grant_types: unknown, more: object = {}) => ({ redirect_uris: [uri], grant_types, ...more });
  assert.deepEqual(accept(grants(['client_credentials'])).response_types, []);
  assert.deepEqual(accept(grants(['authorization_code', 'refresh_token'])).grant_types, ['authorization_code', 'refresh_token']);
  refuse(
    grants(['implicit']),
    'invalid_client_metadata',
    /'implicit'; allowed: authorization_code, refresh_token, client_credentials/,
  );
  refuse(grants(['password']), 'invalid_client_metadata', /'password'/);
  refuse(grants([]), 'invalid_client_metadata', /grant_types is \[\]/);
  refuse(grants(['refresh_token']), 'invalid_client_metadata', /refresh_token only together with authorization_code/);
  refuse(grants(['client_credentials'], { response_types: ['code'] }), 'invalid_client_metadata', /response_types/);
  refuse(grants(['authorization_code'], { response_types: [] }), 'invalid_client_metadata', /response_types/);
  refuse({ redirect_uris: [uri], response_types: ['token'] }, 'invalid_client_metadata', /response_types/);
});

test('OAuth 2.1 §4.2: a public client has no client_credentials, and §7.5.1: it always uses PKCE', () => {
  const open = { ...operator, require_pkce: false };
  const client = { token_endpoint_auth_method: 'none', redirect_uris: [uri] };
  refuse({ ...client, grant_types: ['client_credentials'] }, 'invalid_client_metadata', /only with a client that authenticates/);
  assert.equal(accept(client, open).require_pkce, true);
  refuse({ ...client, require_pkce: false }, 'invalid_client_metadata', /require_pkce/, open);
});

test('PKCE is the policy for a dynamic client, and the choice of an operator', () => {
  assert.equal(accept({ redirect_uris: [uri], require_pkce: false }).require_pkce, true);
  assert.equal(accept({ redirect_uris: [uri] }, { ...dynamic, require_pkce: false }).require_pkce, false);
  assert.equal(accept({ redirect_uris: [uri], require_pkce: false }, operator).require_pkce, false);
});

test('RFC 6749 §3.3: scope is well-formed and within what the policy allows', () => {
  const scoped = (scope: unknown) => ({ redirect_uris: [uri], scope });
  assert.equal(accept(scoped('profile  openid profile')).scope, 'profile openid');
  assert.equal(accept(scoped('anything at:all'), operator).scope, 'anything at:all');
  assert.equal(accept({ redirect_uris: [uri] }, operator).scope, '');
  refuse(scoped('openid admin'), 'invalid_client_metadata', /scope is 'admin'; allowed: openid profile/);
  refuse(scoped('a"b'), 'invalid_client_metadata', /scope/, operator);
  refuse(scoped(['openid']), 'invalid_client_metadata', /scope/);
});

test('J1: an ID token is signed with RS256 or ES256, never with none', () => {
  assert.equal(accept({ redirect_uris: [uri], id_token_signed_response_alg: 'ES256' }).id_token_signed_response_alg, 'ES256');
  for (const alg of ['none', 'HS256', 'RS512', 1])
    refuse({ redirect_uris: [uri], id_token_signed_response_alg: alg }, 'invalid_client_metadata', /allowed: RS256, ES256/);
});

test('RFC 7591 §2: jwks and jwks_uri exclude each other', () => {
  refuse({ redirect_uris: [uri], jwks: { keys: [] }, jwks_uri: 'https://x.example' }, 'invalid_client_metadata', /not both/);
});

test('descriptions are https URLs and texts within bounds, without characters that deceive', () => {
  const described = (more: object) => ({ redirect_uris: [uri], ...more });
  const good = { client_uri: 'https://c.example', contacts: ['a@c.example'], software_id: 's', application_type: 'native' };
  assert.deepEqual(accept(described(good)).metadata, good);
  refuse(described({ logo_uri: 'http://c.example/l.png' }), 'invalid_client_metadata', /logo_uri .*https URL/);
  refuse(described({ policy_uri: 'javascript:alert(1)' }), 'invalid_client_metadata', /policy_uri/);
  refuse(described({ client_name: 'x'.repeat(201) }), 'invalid_client_metadata', /at most 200/);
  refuse(described({ client_name: 'a\0b' }), 'invalid_client_metadata', /client_name contains a control/);
  refuse(described({ client_name: 'knab\u202e' }), 'invalid_client_metadata', /client_name contains a control/);
  refuse(described({ client_name: '\ud800' }), 'invalid_client_metadata', /client_name/);
  refuse(described({ application_type: 'desktop' }), 'invalid_client_metadata', /web, native/);
  refuse(described({ contacts: ['x'.repeat(255)] }), 'invalid_client_metadata', /contacts/);
  refuse(described({ default_max_age: -1 }), 'invalid_client_metadata', /default_max_age/);
  refuse(described({ default_max_age: 1.5 }), 'invalid_client_metadata', /default_max_age/);
  refuse(described({ require_auth_time: 'yes' }), 'invalid_client_metadata', /true or false/);
  refuse(
    described({ token_endpoint_auth_method: 'private_key_jwt' }),
    'invalid_client_metadata',
    /client_secret_basic, client_secret_post, none/,
  );
  refuse(described({ post_logout_redirect_uris: ['ftp://x'] }), 'invalid_client_metadata', /post_logout_redirect_uris/);
});

test('no JSON whatever makes the check throw, and a client that passes can be stored', () => {
  const names = fc.constantFrom(
    'redirect_uris',
    'grant_types',
    'response_types',
    'scope',
    'client_name',
    'jwks',
    'jwks_uri',
    'contacts',
    'logo_uri',
    'default_max_age',
    'token_endpoint_auth_method',
    'application_type',
    '__proto__',
    'constructor',
    'post_logout_redirect_uris',
  );
  const likely = fc.constantFrom<unknown>(
    [uri],
    ['authorization_code'],
    ['client_credentials'],
    'openid',
    'none',
    'https://x.example',
    ['code'],
    5,
  );
  const value = fc.oneof(likely, fc.jsonValue(), fc.string({ unit: 'binary' }));
  const input = fc.oneof(fc.dictionary(names, value), fc.jsonValue());
  fc.assert(
    fc.property(input, fc.constantFrom(operator, dynamic), (given, policy) => {
      const verdict = checkClientMetadata(given, policy);
      if ('error' in verdict) return assert.ok(verdict.description.length > 0);
      assert.doesNotMatch(JSON.stringify(verdict.client), /\\u0000|\\ud[89a-f]/);
      assert.equal(verdict.client.trusted, false);
      assert.ok(!verdict.client.grant_types.includes('authorization_code') || verdict.client.redirect_uris.length > 0);
    }),
    { numRuns: 1000 },
  );
});
