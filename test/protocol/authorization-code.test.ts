/** What the exchange of an authorization code yields. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AuthorizationCode, judgeCode } from '../../lib/protocol/authorization-code.ts';
import { parseParameters } from '../../lib/protocol/parameters.ts';
import { makeClient, makeCode, now, secondsLater } from '../support/protocol-values.ts';

const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const code_challenge = createHash('sha256').update(verifier).digest('base64url');
const complete = { redirect_uri: 'https://a.example/cb', code_verifier: verifier };

interface Given {
  readonly code?: Partial<AuthorizationCode> | null;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly ended?: string;
  readonly client_id?: string;
}

function judge({ code = {}, parameters = complete, ended, client_id = 'client-a' }: Given = {}) {
  const stored = code === null ? undefined : makeCode({ code_challenge, ...code });
  return judgeCode(stored, ended, makeClient({ client_id }), parseParameters(new URLSearchParams(parameters).toString()), now);
}

/** The error of a refusal. */
function refused(given: Given): string {
  const verdict = judge(given);
  return verdict.kind === 'refused' ? verdict.error : assert.fail(verdict.kind);
}

const redeemed_at = secondsLater(-5);

test('a code with its verifier and its redirect_uri is redeemed', () => {
  assert.equal(judge().kind, 'redeem');
});

test('C1: a second valid request is a replay of the family that the first one founded', () => {
  const verdict = judge({ code: { redeemed_at, family_id: 'family-1' } });
  assert.deepEqual(verdict, { kind: 'replayed', family_id: 'family-1' });
});

test('C9: a replay is one long after the code has expired, too', () => {
  assert.equal(judge({ code: { redeemed_at, expires_at: secondsLater(-3600) } }).kind, 'replayed');
});

test('C2: a second request with a wrong verifier, client, redirect_uri or resource is refused and revokes nothing', () => {
  const code = { redeemed_at };
  assert.equal(refused({ code, parameters: { ...complete, code_verifier: 'x'.repeat(43) } }), 'invalid_grant');
  assert.equal(refused({ code, parameters: { redirect_uri: complete.redirect_uri } }), 'invalid_grant');
  assert.equal(refused({ code, client_id: 'client-b' }), 'invalid_grant');
  assert.equal(refused({ code, parameters: { ...complete, redirect_uri: 'https://a.example/other' } }), 'invalid_grant');
  assert.equal(refused({ code, parameters: { ...complete, resource: 'https://other.example' } }), 'invalid_target');
});

test('C4: the code of another client is invalid_grant, and told apart from an unknown one only in the log', () => {
  const [other, unknown] = [judge({ client_id: 'client-b' }), judge({ code: null })];
  assert.ok(other.kind === 'refused' && unknown.kind === 'refused');
  assert.deepEqual([other.error, other.description], [unknown.error, unknown.description]);
  assert.notEqual(other.detail, unknown.detail);
});

test('C6: a code is good until its lifetime ends, and invalid_grant from then on', () => {
  assert.equal(judge({ code: { expires_at: secondsLater(0.001) } }).kind, 'redeem');
  assert.equal(refused({ code: { expires_at: now } }), 'invalid_grant');
});

test('C7: a different redirect_uri is invalid_grant', () => {
  fc.assert(
    fc.property(fc.webUrl(), (redirect_uri) => {
      fc.pre(redirect_uri !== complete.redirect_uri);
      assert.equal(refused({ parameters: { ...complete, redirect_uri } }), 'invalid_grant');
    }),
  );
});

test('C7: another loopback port than the one of the request is invalid_grant', () => {
  const code = { redirect_uri: 'http://127.0.0.1:5000/cb' };
  assert.equal(refused({ code, parameters: { ...complete, redirect_uri: 'http://127.0.0.1:5001/cb' } }), 'invalid_grant');
});

test('C7: an absent redirect_uri is allowed where PKCE ties the code to the request', () => {
  assert.equal(judge({ parameters: { code_verifier: verifier } }).kind, 'redeem');
});

test('C7: without PKCE an absent redirect_uri is invalid_grant if the request had one, and allowed if not', () => {
  const code = { code_challenge: null };
  assert.equal(refused({ code, parameters: {} }), 'invalid_grant');
  assert.equal(judge({ code: { ...code, redirect_uri_given: false }, parameters: {} }).kind, 'redeem');
});

test('P5: a missing code_verifier is invalid_grant where the request had a challenge', () => {
  assert.equal(refused({ parameters: { redirect_uri: complete.redirect_uri } }), 'invalid_grant');
  assert.equal(refused({ parameters: { ...complete, code_verifier: '' } }), 'invalid_grant');
});

test('P6: a wrong code_verifier is invalid_grant', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9._~-]{43,128}$/), (code_verifier) => {
      fc.pre(code_verifier !== verifier);
      assert.equal(refused({ parameters: { ...complete, code_verifier } }), 'invalid_grant');
    }),
  );
  assert.equal(refused({ parameters: { ...complete, code_verifier: code_challenge } }), 'invalid_grant', 'plain is not S256');
  assert.equal(refused({ parameters: { ...complete, code_verifier: 'short' } }), 'invalid_grant');
});

test('P7: a code_verifier is invalid_request where the request had no challenge', () => {
  assert.equal(refused({ code: { code_challenge: null } }), 'invalid_request');
});

test('R11: a code of an end-user who is disabled or signed out is invalid_grant', () => {
  assert.partialDeepStrictEqual(judge({ ended: 'session has ended' }), { error: 'invalid_grant', detail: 'session has ended' });
});

test('RFC 8707 §2.2: the exchange may narrow the resources of the request, and not widen them', () => {
  const code = { resources: ['https://one.example', 'https://two.example'] };
  const resources = (parameters: Record<string, string>) => {
    const verdict = judge({ code, parameters: { ...complete, ...parameters } });
    return verdict.kind === 'redeem' ? verdict.resources : assert.fail(verdict.kind);
  };
  assert.deepEqual(resources({}), code.resources);
  assert.deepEqual(resources({ resource: 'https://two.example' }), ['https://two.example']);
  assert.equal(refused({ code, parameters: { ...complete, resource: 'https://three.example' } }), 'invalid_target');
  assert.equal(refused({ parameters: { ...complete, resource: 'https://one.example' } }), 'invalid_target');
});

test('C5: no refusal is a replay or a redemption: a failed try leaves the code as it was', () => {
  const value = fc.option(fc.constantFrom(verifier, 'y'.repeat(43), 'https://a.example/cb', 'https://x.example', ''), {
    nil: undefined,
  });
  fc.assert(
    fc.property(value, value, value, fc.boolean(), (redirect_uri, code_verifier, resource, used) => {
      const given = Object.entries({ redirect_uri, code_verifier, resource }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      );
      const verdict = judge({ code: { redeemed_at: used ? redeemed_at : null }, parameters: Object.fromEntries(given) });
      const right =
        (redirect_uri === undefined || redirect_uri === '' || redirect_uri === complete.redirect_uri) &&
        code_verifier === verifier &&
        !resource;
      assert.equal(verdict.kind, right ? (used ? 'replayed' : 'redeem') : 'refused');
    }),
  );
});
