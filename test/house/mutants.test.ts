/** The mutants fit the tree: each replaces what stands once in its file, and its tests are there. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { mutants } from '../mutation/mutants.ts';

const root = join(import.meta.dirname, '../..');

test('what a mutant replaces stands once in its file, and there are tests that have to notice', () => {
  assert.ok(mutants.length > 30);
  for (const { breaks, file, find, tests } of mutants) {
    assert.equal(readFileSync(join(root, file), 'utf8').split(find).length, 2, `${breaks}: ${file}`);
    for (const pattern of tests) assert.ok(globSync(join('test', pattern), { cwd: root }).length > 0, `${breaks}: ${pattern}`);
  }
});
