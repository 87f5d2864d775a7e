/** Form and query parameters: one value each, empty means absent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findRepeated, parseParameters, refuseRepeated, requireParameter } from '../../lib/protocol/parameters.ts';
import { anyText, parameterText } from '../support/protocol-values.ts';

const text = parameterText();
const pairs = fc.array(fc.tuple(text, text), { maxLength: 8 });

test('A12, T15: a parameter with an empty value is absent', () => {
  for (const query of ['scope=', 'scope', 'scope=&scope=', '&&scope=&']) {
    const parameters = parseParameters(query);
    assert.equal(parameters.get('scope'), undefined);
    assert.deepEqual(parameters.all('scope'), []);
    assert.deepEqual(parameters.repeated, []);
  }
});

test('A12: an empty value beside a real one is no repetition', () => {
  const parameters = parseParameters('scope=&scope=read');
  assert.equal(parameters.get('scope'), 'read');
  assert.deepEqual(parameters.repeated, []);
});

test('A13, T15: a repeated parameter has no single value and is named', () => {
  const parameters = parseParameters('state=1&scope=read&state=1');
  assert.equal(parameters.get('state'), undefined);
  assert.deepEqual(parameters.repeated, ['state']);
  assert.equal(findRepeated(parameters), 'state');
  assert.throws(() => refuseRepeated(parameters), { name: 'Refusal', error: 'invalid_request', description: /state/ });
});

test('A13: resource may repeat (RFC 8707 §2), and keeps its order', () => {
  const parameters = parseParameters('resource=https%3A%2F%2Fb.example&resource=https%3A%2F%2Fa.example');
  assert.deepEqual(parameters.all('resource'), ['https://b.example', 'https://a.example']);
  assert.equal(findRepeated(parameters), undefined);
  refuseRepeated(parameters);
});

test('names differ by case, and names that objects inherit are ordinary parameters', () => {
  const parameters = parseParameters('State=1&state=2&__proto__=3&constructor=4');
  assert.equal(parameters.get('state'), '2');
  assert.equal(parameters.get('__proto__'), '3');
  assert.equal(parameters.get('constructor'), '4');
  assert.equal(parseParameters('').get('toString'), undefined);
});

test('a NUL character in a name or a value is invalid_request', () => {
  for (const query of ['state=a%00b', 'sta%00te=a', '%00=%00']) {
    assert.throws(() => parseParameters(query), { name: 'Refusal', error: 'invalid_request' });
  }
});

test('a plus is a space, and a percent sign that encodes nothing is itself', () => {
  const parameters = parseParameters('a=1+2&b=1%2B2&c=100%&d=%zz');
  assert.deepEqual(['a', 'b', 'c', 'd'].map(parameters.get), ['1 2', '1+2', '100%', '%zz']);
});

test('a parameter that is missing is invalid_request and named', () => {
  assert.equal(requireParameter(parseParameters('token=x'), 'token'), 'x');
  for (const query of ['', 'token=', 'token=1&token=2']) {
    assert.throws(() => requireParameter(parseParameters(query), 'token'), { error: 'invalid_request', description: /token/ });
  }
});

test('any parameters survive their canonical text: the same values, in the same order, and the same text again', () => {
  fc.assert(
    fc.property(pairs, (list) => {
      const once = parseParameters(new URLSearchParams(list).toString());
      const twice = parseParameters(once.toString());
      assert.equal(twice.toString(), once.toString());
      assert.deepEqual(twice.repeated, once.repeated);
      for (const [name] of list) {
        const sent = list.filter(([other, value]) => other === name && value !== '').map(([, value]) => value);
        assert.deepEqual(once.all(name), sent);
        assert.deepEqual(twice.all(name), sent);
        assert.equal(once.get(name), sent.length === 1 ? sent[0] : undefined);
      }
    }),
  );
});

test('bad input everywhere: any text at all is parsed or refused, never another failure', () => {
  fc.assert(
    fc.property(anyText(), (query) => {
      try {
        const parameters = parseParameters(query);
        assert.equal(parseParameters(parameters.toString()).toString(), parameters.toString());
      } catch (error) {
        assert.equal((error as { error?: string }).error, 'invalid_request');
      }
    }),
  );
});
