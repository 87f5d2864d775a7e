/** The URL that an authorization response redirects to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { refusalLocation, successLocation } from '../../lib/protocol/authorization-response.ts';
import { anyText, issuer, makeDestination, parameterText } from '../support/protocol-values.ts';

const refusal = (uri: string, state?: string, description = 'The end-user said no.') =>
  refusalLocation({ destination: makeDestination(uri, state), error: 'access_denied', description }, issuer);
const success = (uri: string, state?: string) => successLocation(makeDestination(uri, state), issuer, 'code-1');
const uri = 'https://a.example/cb';

test('RFC 6749 §4.1.2: a success carries the code and no error', () => {
  const { searchParams } = new URL(success(uri, 's'));
  assert.deepEqual([...searchParams.keys()].sort(), ['code', 'iss', 'state']);
  assert.equal(searchParams.get('code'), 'code-1');
});

test('A19: a refusal carries its error and no code', () => {
  const { searchParams } = new URL(refusal(uri, 's'));
  assert.deepEqual([...searchParams.keys()].sort(), ['error', 'error_description', 'iss', 'state']);
  assert.equal(searchParams.get('error'), 'access_denied');
});

test("A8: the redirect URI's own query stays byte for byte, and ours is appended", () => {
  for (const own of ['https://a.example/cb?tenant=1', 'https://a.example/cb?a=%7e&b=+&c', 'com.example.app:/cb?x']) {
    for (const location of [success(own, 's'), refusal(own, 's')]) assert.ok(location.startsWith(`${own}&`), location);
  }
  assert.ok(success(uri).startsWith(`${uri}?`));
  assert.equal(new URL(success('https://a.example/cb?')).searchParams.get('code'), 'code-1');
});

test('A14: any state comes back byte for byte after URL decoding, on success and on error', () => {
  const state = parameterText({ minLength: 1, maxLength: 2048 });
  fc.assert(
    fc.property(state, fc.constantFrom(uri, `${uri}?own=1`), (text, destination) => {
      for (const location of [success(destination, text), refusal(destination, text)]) {
        assert.deepEqual(new URL(location).searchParams.getAll('state'), [text]);
        const raw = /[?&]state=([^&]*)/.exec(location)?.[1] ?? '';
        assert.equal(decodeURIComponent(raw), text, 'also for clients that do not read + as a space');
        assert.match(location, /^[\x21-\x7e]+$/);
      }
    }),
  );
});

test('A14: spaces, plus signs, ampersands, percent signs and UTF-8 in state inject nothing', () => {
  const state = 'a b+c%2Bd&error=x&iss=https://evil.example#é\r\nLocation: x';
  const { searchParams, hash } = new URL(success(uri, state));
  assert.deepEqual([...searchParams.keys()], ['code', 'state', 'iss']);
  assert.equal(searchParams.get('state'), state);
  assert.equal(hash, '');
});

test('A14: without a state none is returned', () => {
  assert.equal(new URL(success(uri)).searchParams.has('state'), false);
  assert.equal(new URL(refusal(uri)).searchParams.has('state'), false);
});

test('A15: iss is there exactly once and equals the issuer, on success and on error', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (state) => {
      for (const location of [success(uri, state), refusal(uri, state), success(uri), refusal(uri)]) {
        assert.deepEqual(new URL(location).searchParams.getAll('iss'), [issuer]);
      }
    }),
  );
});

test('T14: an error description by redirect keeps to the characters of RFC 6749 §4.1.2.1', () => {
  fc.assert(
    fc.property(anyText({ minLength: 1 }), (text) => {
      const written = new URL(refusal(uri, 's', text)).searchParams.get('error_description') ?? '';
      assert.match(written, /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/);
    }),
  );
});
