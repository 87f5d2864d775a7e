/** Each section of the runbooks of before has its place here: pages and tests that there are. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { missingOf, testsOf } from './runbook-index.ts';
import { sections } from './sections.ts';

const root = join(import.meta.dirname, '../..');

test('the 19 sections are there, each once, in their five groups, and the additional ones', () => {
  const main = sections.filter(({ group }) => group !== 'Additional');
  const counts = Map.groupBy(main, ({ group }) => group);
  assert.deepEqual(
    [...counts].map(([group, members]) => [group, members.length]),
    [
      ['Deployment', 3],
      ['Database', 4],
      ['Monitoring', 4],
      ['Troubleshooting', 4],
      ['Security', 4],
    ],
  );
  assert.equal(new Set(sections.map(({ title }) => title)).size, 20);
  const readme = readFileSync(join(root, 'runbooks/README.md'), 'utf8');
  for (const { title } of sections) assert.ok(readme.includes(`- ${title}: `), title);
});

test('each line leads to pages that there are, and was carried out by tests that there are', () => {
  for (const { title, lines } of sections) {
    for (const line of lines) {
      const missing = missingOf(line);
      for (const name of line.here.filter((one) => !missing.includes(one)))
        assert.ok(existsSync(join(root, `runbooks/${name}.md`)), `${title}: ${name}`);
      for (const path of testsOf(line)) assert.ok(existsSync(join(root, path)), `${title}: ${path}`);
      // What is not there yet says so in the table; all else has been carried out.
      if (missing.length < line.here.length) assert.ok(testsOf(line).length > 0, `${title}: ${line.there} has no test`);
    }
  }
});
