/** Habits of the house that a machine can see: the opening sentence, the length of files, nothing left open. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const tracked = execFileSync('git', ['ls-files', '*.ts', '*.mjs', '*.sql', '*.md', '.ci/run'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(Boolean);
const sources = tracked.filter((path) => /\.(ts|mjs)$/.test(path));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

test('there are sources to look at', () => {
  assert.ok(sources.length > 100, `${sources.length} sources found`);
});

test('every source opens with one plain sentence', () => {
  const silent = sources.filter((path) => !/^(#!.*\n)?\/\*\*[^*]*[.:]/.test(read(path)));
  assert.deepEqual(silent, []);
});

test('no source is longer than 300 lines', () => {
  const long = sources.filter((path) => read(path).split('\n').length > 301);
  assert.deepEqual(long, []);
});

test('nothing is left open, switched off or run alone', () => {
  // Spelt in parts, so that this file is not a finding of its own.
  const marks = new RegExp(
    `\\b(${['TO', 'FIX'].map((half) => `${half}${half === 'TO' ? 'DO' : 'ME'}`).join('|')})\\b|\\.(skip|todo|only)\\(`,
  );
  const open = sources.filter((path) => marks.test(read(path).replace(/new RegExp\(`.*/g, '')));
  assert.deepEqual(open, []);
});

test('no room is a drawer: helpers, utils, common and misc are not names', () => {
  assert.deepEqual(
    tracked.filter((path) => /(^|\/)(helpers?|utils?|common|misc)(\.|\/)/.test(path)),
    [],
  );
});

test('no barrel: nothing re-exports everything', () => {
  assert.deepEqual(
    sources.filter((path) => /^export \* /m.test(read(path))),
    [],
  );
});

test('the lock file names no registry and no machine', () => {
  assert.doesNotMatch(read('package-lock.json'), /"resolved":/);
});
