/** The claims request parameter. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { demandedSubject, demandsUnknownAcr, parseClaims } from '../../lib/protocol/claims-parameter.ts';
import { anyText } from '../support/protocol-values.ts';

test('OpenID Connect Core §5.5: null, an empty object and the known members are claim requests', () => {
  const text = '{"userinfo":{"email":null,"name":{"essential":true}},"id_token":{"auth_time":{},"acr":{"values":["1","2"]}}}';
  assert.deepEqual(parseClaims(text), JSON.parse(text));
});

test('OpenID Connect Core §5.5: members other than userinfo and id_token are ignored', () => {
  assert.deepEqual(parseClaims('{"other":1}'), {});
  assert.deepEqual(parseClaims('{"userinfo":null}'), {});
});

test('OpenID Connect Core §5.5: what is no such object is malformed', () => {
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '1',
    '"x"',
    '{"userinfo":[]}',
    '{"userinfo":"email"}',
    '{"id_token":{"acr":"1"}}',
    '{"id_token":{"acr":["1"]}}',
    '{"id_token":{"acr":{"essential":"yes"}}}',
    '{"id_token":{"acr":{"values":"1"}}}',
  ]) {
    assert.equal(parseClaims(text), undefined, text);
  }
});

test('bad input everywhere: what jsonb cannot hold is malformed: NUL, half a surrogate pair, endless nesting', () => {
  assert.equal(parseClaims('{"id_token":{"sub":{"value":"\\u0000"}}}'), undefined);
  assert.equal(parseClaims('{"id_token":{"\\u0000":null}}'), undefined);
  assert.equal(parseClaims('{"userinfo":{"name":{"values":["\\ud800"]}}}'), undefined);
  assert.equal(parseClaims(`{"userinfo":{"name":{"value":${'['.repeat(50_000)}${']'.repeat(50_000)}}}}`), undefined);
  assert.deepEqual(parseClaims('{"id_token":{"sub":{"value":"\\\\u0000 \\ud83d\\ude00"}}}'), {
    id_token: { sub: { value: '\\u0000 \u{1f600}' } },
  });
});

test('bad input everywhere: any text is parsed or malformed, never a failure', () => {
  fc.assert(fc.property(anyText(), (text) => void parseClaims(text)));
  fc.assert(fc.property(fc.json(), (text) => void parseClaims(`{"userinfo":${text},"id_token":{"acr":${text}}}`)));
});

const demands = (acr: unknown) => demandsUnknownAcr(parseClaims(JSON.stringify({ id_token: { acr } })));

test('prompt/max_age: an essential acr that a password does not reach cannot be met', () => {
  assert.ok(demands({ essential: true, values: ['2', '3'] }));
  assert.ok(demands({ essential: true, value: 'urn:mace:incommon:iap:silver' }));
});

test('prompt/max_age: a voluntary acr, a reachable one and a mere wish for the claim can be met', () => {
  for (const acr of [
    { essential: true, values: ['2', '1'] },
    { essential: true, value: '1' },
    { essential: true },
    { values: ['2'] },
    null,
  ]) {
    assert.equal(demands(acr), false, JSON.stringify(acr));
  }
  assert.equal(demandsUnknownAcr(undefined), false);
});

const demanded = (sub: unknown) => demandedSubject(parseClaims(JSON.stringify({ id_token: { sub } })));

test('OpenID Connect Core §5.5.1: a subject that is asked for by value is demanded', () => {
  assert.equal(demanded({ value: 'alice' }), 'alice');
  assert.equal(demanded({ essential: true }), undefined);
  assert.equal(demanded(null), undefined);
});

test('OpenID Connect Core §3.1.2.2: a subject value that is no string is a subject that nobody is, not a missing demand', () => {
  for (const value of [5, true, null, ['alice'], { a: 1 }]) assert.notEqual(demanded({ value }), undefined);
});
