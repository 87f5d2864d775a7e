/** The runbook pages lead to each other; `pages-run.test.ts` and drills run their commands. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandNames } from '../../lib/cli/program.ts';
import { pageNames } from '../../lib/pages.ts';
import { pagesOfDrills } from '../support/runbook-page.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'runbooks');
const pages = new Map(
  [...commandNames, ...pageNames].map((name) => [name as string, readFileSync(join(folder, `${name}.md`), 'utf8')]),
);

test('every link of a page leads to a page', () => {
  for (const [name, text] of pages)
    for (const [, target] of text.matchAll(/\]\((\w[\w-]*)\.md\)/g))
      assert.ok(existsSync(join(folder, `${target}.md`)), `${name}.md links to ${target}.md`);
});

test('every page that does not run in pages-run.test.ts runs as written in the drill that is named for it', () => {
  for (const [name, drill] of Object.entries(pagesOfDrills)) {
    assert.ok(pages.has(name), `there is no page ${name}.md`);
    const text = readFileSync(join(root, drill), 'utf8');
    assert.ok(
      /commandsOf\(|blocksOf\(|followPage\(/.test(text) && text.includes(`'${name}'`),
      `${drill} does not run ${name}.md`,
    );
  }
});
