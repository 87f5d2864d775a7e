/** What makes a client public. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authenticationMethods, isPublic } from '../../lib/protocol/client.ts';
import { makeClient } from '../support/protocol-values.ts';

test('a client is public when it authenticates by none, and only then', () => {
  for (const method of authenticationMethods) {
    assert.equal(isPublic(makeClient({ token_endpoint_auth_method: method })), method === 'none');
  }
});
