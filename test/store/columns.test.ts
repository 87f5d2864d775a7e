/** Several row types in one statement: prefixed columns are nested again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nest } from '../../lib/store/columns.ts';

test('columns are nested by their prefix, and columns without one stay out', () => {
  const row = { 'client.client_id': 'a', 'client.scope': '', 'code.code_hash': 'h', active: true };
  assert.deepEqual(nest(row, {}), { client: { client_id: 'a', scope: '' }, code: { code_hash: 'h' } });
});

test('a name whose key column is null had no row', () => {
  const row = { 'client.client_id': 'a', 'code.code_hash': null, 'code.redirect_uri_given': null };
  const nested = nest(row, { code: 'code_hash', user: 'subject' });
  assert.deepEqual(nested.client, { client_id: 'a' });
  assert.equal(nested.code, undefined);
  assert.equal(nested.user, undefined);
});
