/** How answers are laid out: no line is longer than is easily read, and nothing of it is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { facts, table, wrap } from '../../lib/cli/present.ts';
import { shorten } from '../../lib/observe/log-lines.ts';

const sentence = Array.from({ length: 80 }, (_, at) => `word${at}`).join(' ');

const widest = (text: string) => Math.max(...text.split('\n').map(({ length }) => length));
const wordsOf = (text: string) => text.trim().split(/\s+/);

test('what is longer than a line is broken at blanks and goes on below itself', () => {
  const wrapped = wrap(`  - ${sentence}`, 4);
  assert.ok(widest(wrapped) <= 160);
  assert.deepEqual(wordsOf(wrapped).slice(1), wordsOf(sentence));
  assert.match(wrapped, /^ {2}- word0 .*\n {4}word/);
  assert.equal(wrap('  as it  is'), '  as it  is');
});

test('the last column of a table, and a fact, go on in their own column', () => {
  const lines = table(['AT', 'DETAIL'], [['now', sentence]]).split('\n');
  assert.ok(lines.length > 3 && widest(lines.join('\n')) <= 160);
  assert.ok(lines.slice(2).every((line) => /^ {5}word/.test(line)));
  assert.match(facts([['about', sentence]]), /^about {2}word0 .*\n {7}word/);
});

test('beside columns that are wide already a last one has room, and a word is never cut', () => {
  const lines = table(['A', 'B'], [['a'.repeat(150), sentence]]).split('\n');
  assert.ok(lines.length < 30 && widest(lines.join('\n')) <= 192);
  assert.equal(wrap('k'.repeat(200)), 'k'.repeat(200));
});

test('what is shortened says so', () => {
  assert.equal(shorten('as it is\nand more', 20), 'as it is');
  assert.equal(shorten('one two three', 8), 'one two…');
});
