/** Every check of an authorization request, its error code, and whether the error may be redirected. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkAuthorizationRequest, readClientId } from '../../lib/protocol/authorization-request.ts';
import type { Client } from '../../lib/protocol/client.ts';
import { parseParameters } from '../../lib/protocol/parameters.ts';
import { anyText, makeClient, now, parameterText } from '../support/protocol-values.ts';

const complete = {
  client_id: 'client-a',
  redirect_uri: 'https://a.example/cb',
  response_type: 'code',
  scope: 'openid read',
  state: 's',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
};

type Changes = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A complete request with some parameters changed, repeated or (undefined) left out. */
function query(changes: Changes = {}): string {
  const values = Object.entries({ ...complete, ...changes } as Changes);
  return new URLSearchParams(
    values.flatMap(([name, value]) => [value ?? []].flat().map((one): [string, string] => [name, one])),
  ).toString();
}

const check = (changes: Changes = {}, client: Partial<Client> = {}, serverResources: string[] = []) =>
  checkAuthorizationRequest(parseParameters(query(changes)), makeClient(client), serverResources);

function accepted(changes: Changes = {}, client: Partial<Client> = {}, serverResources: string[] = []) {
  const verdict = check(changes, client, serverResources);
  return verdict.kind === 'valid' ? verdict.request : assert.fail(`${verdict.refusal.error}: ${verdict.refusal.description}`);
}

/** The code of an error that goes back by redirect, to the proven URI and with the state. */
function redirected(changes: Changes, client: Partial<Client> = {}): string {
  const verdict = check(changes, client);
  if (verdict.kind === 'valid') assert.fail('the request was accepted');
  assert.equal(verdict.refusal.destination.redirect_uri, complete.redirect_uri);
  assert.equal(verdict.refusal.destination.state, 'state' in changes ? undefined : 's');
  return verdict.refusal.error;
}

const page = { name: 'Refusal', error: 'invalid_request', status: 400 };
const onPage = (changes: Changes, client: Partial<Client> = {}) => assert.throws(() => check(changes, client), page);

test('A1: a missing or empty client_id is an error on the page', () => {
  assert.equal(readClientId(parseParameters(query())), 'client-a');
  assert.throws(() => readClientId(parseParameters(query({ client_id: undefined }))), page);
  assert.throws(() => readClientId(parseParameters(query({ client_id: '' }))), page);
});

test('A1: an unknown or disabled client is an error on the page, whatever redirect_uri it names', () => {
  assert.throws(() => checkAuthorizationRequest(parseParameters(query()), undefined, []), page);
  onPage({}, { disabled_at: now });
});

test('A1: unknown and disabled clients cannot be told apart', () => {
  const description = (client: Client | undefined) => {
    try {
      checkAuthorizationRequest(parseParameters(query()), client, []);
    } catch (error) {
      return (error as { description: string }).description;
    }
  };
  assert.equal(description(undefined), description(makeClient({ disabled_at: now })));
});

test('A2: a redirect_uri that is not registered is an error on the page', () => {
  onPage({ redirect_uri: 'https://evil.example/cb' });
  onPage({ redirect_uri: 'https://a.example/cb/' });
});

test('A2: nothing else that is wrong makes an unregistered redirect_uri a redirect', () => {
  for (const changes of [
    { response_type: undefined },
    { scope: 'admin' },
    { code_challenge: undefined },
    { prompt: 'none login' },
    { request: 'x' },
  ]) {
    onPage({ ...changes, redirect_uri: 'https://evil.example/cb' });
  }
});

test('A6: several registered and none sent is an error on the page; exactly one is used', () => {
  const changes = { redirect_uri: undefined, scope: 'read' };
  onPage(changes, { redirect_uris: ['https://a.example/1', 'https://a.example/2'] });
  const { destination } = accepted(changes);
  assert.partialDeepStrictEqual(destination, { redirect_uri: complete.redirect_uri, given: false });
});

test('A6: an OpenID Connect request without redirect_uri is an error on the page', () => {
  onPage({ redirect_uri: undefined });
});

test('A9: a missing response_type is invalid_request by redirect', () => {
  assert.equal(redirected({ response_type: undefined }), 'invalid_request');
  assert.equal(redirected({ response_type: '' }), 'invalid_request');
});

test('A10: any response_type but code is unsupported_response_type by redirect', () => {
  for (const type of ['token', 'id_token', 'code id_token', 'code token', 'none', 'CODE', 'code code', ' code']) {
    assert.equal(redirected({ response_type: type }), 'unsupported_response_type', type);
  }
});

test('A10: code without the grant type or the response type in the registration is unauthorized_client by redirect', () => {
  assert.equal(redirected({}, { grant_types: ['client_credentials'] }), 'unauthorized_client');
  assert.equal(redirected({}, { response_types: [] }), 'unauthorized_client');
});

test('A11: unknown parameters are ignored', () => {
  assert.deepEqual(accepted({ extra: 'x', acr_values: '9', ui_locales: 'tlh', display: 'touch' }), accepted());
});

test('A12: parameters with empty values are as if absent', () => {
  assert.deepEqual(
    accepted({ prompt: '', max_age: '', nonce: '', claims: '', request: '', resource: '', response_mode: '' }),
    accepted(),
  );
});

test('A13: a repeated client_id or redirect_uri is an error on the page', () => {
  for (const name of ['client_id', 'redirect_uri'] as const) {
    const parameters = parseParameters(query({ [name]: [complete[name], complete[name]] }));
    assert.throws(() => readClientId(parameters), page);
  }
});

test('A13: any other parameter repeated is invalid_request by redirect, known or not', () => {
  for (const name of [
    'response_type',
    'scope',
    'code_challenge',
    'code_challenge_method',
    'nonce',
    'prompt',
    'max_age',
    'extra',
  ]) {
    assert.equal(redirected({ [name]: ['code', 'code'] }), 'invalid_request', name);
  }
});

test('A13: with a repeated state the redirect carries none of them', () => {
  assert.equal(redirected({ state: ['1', '2'] }), 'invalid_request');
});

test('A13: resource may repeat', () => {
  const resources = ['https://one.example', 'https://two.example'];
  assert.deepEqual(accepted({ resource: resources }, { resources }).resources, resources);
});

test('A14: any state is kept as it was sent', () => {
  fc.assert(
    fc.property(parameterText({ minLength: 1, maxLength: 2048 }), (state) => {
      assert.equal(accepted({ state }).destination.state, state);
    }),
  );
});

test('A16: an unknown scope is invalid_scope by redirect, unless openid is requested', () => {
  assert.equal(redirected({ scope: 'read admin' }), 'invalid_scope');
  assert.equal(redirected({ scope: 'openid "read"' }), 'invalid_scope');
  assert.deepEqual(accepted({ scope: 'openid admin read' }).scope, ['openid', 'read']);
});

test('RFC 8707 §2: an unknown or malformed resource is invalid_target by redirect', () => {
  const client = { resources: ['https://api.example'] };
  for (const resource of ['https://other.example', 'api', 'https://api.example#x']) {
    assert.equal(redirected({ resource }, client), 'invalid_target', resource);
  }
  assert.equal(redirected({ resource: ['https://api.example', 'https://other.example'] }, client), 'invalid_target');
});

test('RFC 8707 §2: the client may name its own resources and those of the server', () => {
  const resource = ['https://own.example', 'https://server.example'];
  const request = accepted({ resource }, { resources: ['https://own.example'] }, ['https://server.example']);
  assert.deepEqual(request.resources, resource);
});

test('P1: a public client without code_challenge is invalid_request by redirect, even if PKCE is not required of it', () => {
  const changes = { code_challenge: undefined, code_challenge_method: undefined };
  assert.equal(redirected(changes, { token_endpoint_auth_method: 'none' }), 'invalid_request');
  assert.equal(redirected(changes, { token_endpoint_auth_method: 'none', require_pkce: false }), 'invalid_request');
});

test('P9: a confidential client may omit PKCE only where its require_pkce is false', () => {
  const changes = { code_challenge: undefined, code_challenge_method: undefined };
  assert.equal(redirected(changes), 'invalid_request');
  assert.equal(accepted(changes, { require_pkce: false }).code_challenge, undefined);
});

test('P9: a client that need not use PKCE is held to it once it sends a challenge', () => {
  assert.equal(accepted({}, { require_pkce: false }).code_challenge, complete.code_challenge);
  assert.equal(redirected({ code_challenge_method: 'plain' }, { require_pkce: false }), 'invalid_request');
});

test('P2, P3: every code_challenge_method but S256, and none at all, is invalid_request by redirect', () => {
  for (const method of ['S512', 'plain', 's256', 'none', undefined, '']) {
    assert.equal(redirected({ code_challenge_method: method }), 'invalid_request', method);
  }
});

test('P2: a method without a challenge is invalid_request by redirect, even if PKCE is not required', () => {
  assert.equal(redirected({ code_challenge: undefined }, { require_pkce: false }), 'invalid_request');
});

test('P4: a malformed code_challenge is invalid_request by redirect', () => {
  for (const challenge of ['A'.repeat(42), 'A'.repeat(44), 'A'.repeat(129), `${'A'.repeat(42)}=`, `${'A'.repeat(42)}+`]) {
    assert.equal(redirected({ code_challenge: challenge }), 'invalid_request', challenge);
  }
});

test('prompt/max_age: prompt=none with another value is invalid_request by redirect', () => {
  for (const prompt of ['none login', 'consent none', 'login  none']) assert.equal(redirected({ prompt }), 'invalid_request');
});

test('prompt/max_age: an unknown prompt is invalid_request by redirect', () => {
  for (const prompt of ['create', 'NONE', 'login sudo']) assert.equal(redirected({ prompt }), 'invalid_request');
});

test('prompt/max_age: known prompts are taken, in any combination without none', () => {
  assert.deepEqual(accepted({ prompt: 'login consent select_account' }).prompt, new Set(['login', 'consent', 'select_account']));
  assert.deepEqual(accepted({ prompt: 'none' }).prompt, new Set(['none']));
});

test('prompt/max_age: max_age is whole seconds, 0 included; anything else is invalid_request by redirect', () => {
  assert.equal(accepted({ max_age: '0' }).max_age, 0);
  assert.equal(accepted({ max_age: '86400' }).max_age, 86_400);
  for (const age of ['-1', '1.5', '1e3', '0x10', ' 1', 'soon', '9'.repeat(400)]) {
    assert.equal(redirected({ max_age: age }), 'invalid_request', age);
  }
});

test('prompt/max_age: the default_max_age of the registration holds where the request names none', () => {
  assert.equal(accepted({}, { default_max_age: 60 }).max_age, 60);
  assert.equal(accepted({ max_age: '0' }, { default_max_age: 60 }).max_age, 0);
  assert.equal(accepted().max_age, undefined);
});

test('prompt/max_age: an essential acr out of reach is unmet_authentication_requirements by redirect', () => {
  const claims = JSON.stringify({ id_token: { acr: { essential: true, values: ['9'] } } });
  assert.equal(redirected({ claims }), 'unmet_authentication_requirements');
});

test('OpenID Connect Core §5.5: a malformed claims parameter is invalid_request by redirect', () => {
  assert.equal(redirected({ claims: '{' }), 'invalid_request');
  assert.equal(redirected({ claims: '[]' }), 'invalid_request');
});

test('OpenID Connect Core §6, §7.2.1: request, request_uri and registration are refused, each by its own code', () => {
  assert.equal(redirected({ request: 'x.y.z' }), 'request_not_supported');
  assert.equal(redirected({ request_uri: 'https://a.example/r' }), 'request_uri_not_supported');
  assert.equal(redirected({ registration: '{}' }), 'registration_not_supported');
});

test('a response_mode that is not offered is invalid_request by redirect', () => {
  for (const mode of ['fragment', 'form_post', 'web_message'])
    assert.equal(redirected({ response_mode: mode }), 'invalid_request');
  accepted({ response_mode: 'query' });
});

test('A22: a refusal is silent under prompt=none alone, so that it may go back before a sign-in', () => {
  const silent = (prompt: string | undefined) => {
    const verdict = check({ prompt, scope: 'admin' });
    return verdict.kind === 'refused' && verdict.silent;
  };
  assert.equal(silent('none'), true);
  for (const prompt of [undefined, 'login', 'none login']) assert.equal(silent(prompt), false);
});

test('bad input everywhere: any parameters end in a verdict or in a page error', () => {
  const others = ['prompt', 'max_age', 'claims', 'resource', 'response_mode', 'nonce', 'request'];
  const name = fc.constantFrom(...Object.keys(complete), ...others);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, anyText())), (pairs) => {
      try {
        const parameters = parseParameters(`${query()}&${new URLSearchParams(pairs)}`);
        readClientId(parameters);
        const verdict = checkAuthorizationRequest(parameters, makeClient(), []);
        const { destination } = verdict.kind === 'valid' ? verdict.request : verdict.refusal;
        assert.equal(destination.redirect_uri, complete.redirect_uri);
      } catch (error) {
        assert.equal((error as { name: string }).name, 'Refusal');
      }
    }),
  );
});
