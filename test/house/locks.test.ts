/** Advisory locks are numbers of one database: two of ours that are alike would wait for each other without a reason. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const store = join(import.meta.dirname, '../../lib/store');

test('each advisory lock has a number of its own', () => {
  const numbers = readdirSync(store)
    .map((file) => readFileSync(join(store, file), 'utf8'))
    .flatMap((text) => [...text.matchAll(/^const (?:lock|\w+Lock) = ([\d_]+);/gm)].map(([, number]) => number));
  assert.ok(numbers.length >= 4);
  assert.deepEqual(numbers.toSorted(), [...new Set(numbers)].toSorted());
});
