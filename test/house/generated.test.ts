/** The generated tables of the documentation equal their sources. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findStale, generated } from './generated.ts';

test('every generated table equals its source (npm run generate mends it)', async () => {
  assert.ok(generated.length > 0);
  assert.deepEqual(await findStale(), []);
});

test('a table that differs from its source is named', async () => {
  const stale = await findStale([{ file: 'README.md', name: 'endpoints', render: () => 'something else' }]);
  assert.deepEqual(stale, ['README.md: endpoints']);
});
