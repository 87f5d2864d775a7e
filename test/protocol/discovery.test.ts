/** The metadata of the server: what is off is not announced. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeServer } from '../../lib/protocol/discovery.ts';
import { routes } from '../../lib/routes.ts';
import { issuer } from '../support/protocol-values.ts';

test('Discovery: the issuer is exactly the one that was configured', () => {
  for (const one of [issuer, 'https://issuer.example/tenant']) assert.equal(describeServer(one, routes, true).issuer, one);
});

test('P10: code_challenge_methods_supported is S256 alone', () => {
  assert.deepEqual(describeServer(issuer, routes, true).code_challenge_methods_supported, ['S256']);
});

test('A15: iss in authorization responses is announced (RFC 9207 §3)', () => {
  assert.equal(describeServer(issuer, routes, true).authorization_response_iss_parameter_supported, true);
});

test('Discovery: every announced endpoint is a URL under the issuer', () => {
  const document = describeServer(issuer, routes, true);
  const endpoints = Object.entries(document).filter(([name]) => /_endpoint$|^jwks_uri$/.test(name));
  assert.ok(endpoints.length >= 8);
  for (const [name, url] of endpoints) assert.ok(URL.canParse(String(url)) && String(url).startsWith(`${issuer}/`), name);
});

test('Discovery: registration is announced only where it is on', () => {
  assert.ok('registration_endpoint' in describeServer(issuer, routes, true));
  assert.equal('registration_endpoint' in describeServer(issuer, routes, false), false);
});

test('J1: no algorithm none, and no symmetric one, is announced', () => {
  for (const alg of describeServer(issuer, routes, true).id_token_signing_alg_values_supported as string[]) {
    assert.match(alg, /^(RS|ES)256$/);
  }
});
