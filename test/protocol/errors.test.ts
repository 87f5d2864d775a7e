/** What a refusal tells the client, and what it may not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { errorStatus, Refusal, toErrorText } from '../../lib/protocol/errors.ts';
import { anyText } from '../support/protocol-values.ts';

const allowed = /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/;

test('T14: an error description keeps to the characters of RFC 6749 §5.2 whatever text goes in', () => {
  fc.assert(
    fc.property(anyText({ maxLength: 2000 }), (text) => {
      const written = toErrorText(text);
      assert.match(written, allowed);
      assert.ok(written.length <= 400);
      assert.match(new Refusal('invalid_request', text).description, allowed);
    }),
  );
});

test('T14: quotes, backslashes, newlines and UTF-8 in an error description are replaced, never passed through', () => {
  assert.equal(toErrorText('a "b" \\c\r\nd é €'), "a 'b' /c??d ? ?");
});

test('T14: text of the allowed characters comes out as it went in', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]{0,400}$/), (text) => assert.equal(toErrorText(text), text)),
  );
});

test('T14: every error code keeps to the characters of RFC 6749 §5.2', () => {
  for (const code of Object.keys(errorStatus)) assert.match(code, allowed);
});

test('a refusal has the status of its code, unless it names another', () => {
  assert.equal(new Refusal('invalid_client', 'x').status, 401);
  assert.equal(new Refusal('temporarily_unavailable', 'x').status, 503);
  assert.equal(new Refusal('invalid_request', 'x', { status: 405 }).status, 405);
});

test('T18: the operator detail of a refusal is in none of the fields that the client gets', () => {
  const refusal = new Refusal('invalid_grant', 'The code is not valid.', { detail: 'code was issued to client-b' });
  assert.equal(refusal.detail, 'code was issued to client-b');
  assert.doesNotMatch(`${refusal.error} ${refusal.description} ${refusal.message}`, /client-b/);
});
