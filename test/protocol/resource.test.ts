/** Resource indicators and the audience that follows from them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chooseAudience, decideResources, isResourceIndicator } from '../../lib/protocol/resource.ts';

const uri = fc.webUrl({ withQueryParameters: true }).filter((text) => /^[\x21-\x7e]+$/.test(text));

test('RFC 8707 §2: a resource is an absolute URI without fragment', () => {
  for (const text of ['https://api.example', 'https://api.example/v1?tenant=1', 'urn:example:api'])
    assert.ok(isResourceIndicator(text), text);
  for (const text of [
    '',
    '/v1',
    'api.example',
    '//api.example',
    'https://api.example#',
    'https://api.example/#x',
    'https://api.example/a b',
    'https://é.example',
  ]) {
    assert.equal(isResourceIndicator(text), false, text);
  }
});

test('RFC 8707 §2.2: an unknown or malformed resource is refused although others are allowed', () => {
  const allowed = ['https://api.example', 'relative'];
  assert.ok('refused' in decideResources(['https://api.example', 'https://other.example'], allowed));
  assert.ok('refused' in decideResources(['relative'], allowed));
  assert.ok('refused' in decideResources(['https://api.example/'], allowed), 'a trailing slash is another resource');
  assert.ok('refused' in decideResources(['https://API.example'], allowed));
});

test('R9: what is granted is what was asked for, once each, and all of it allowed', () => {
  fc.assert(
    fc.property(fc.array(uri, { maxLength: 5 }), fc.array(uri, { maxLength: 5 }), (requested, others) => {
      const verdict = decideResources(requested, [...others, ...requested]);
      assert.deepEqual(verdict, { granted: [...new Set(requested)] });
      const unknown = requested.some((text) => !others.includes(text));
      assert.equal('refused' in decideResources(requested, others), unknown);
    }),
  );
});

test('RFC 8707 §2: the audience is the named resources alone, or the issuer where none was named', () => {
  assert.deepEqual(chooseAudience([], 'https://issuer.example'), ['https://issuer.example']);
  assert.deepEqual(chooseAudience(['https://api.example'], 'https://issuer.example'), ['https://api.example']);
});
