/** The runbook pages lead to each other; `pages-run.test.ts` and drills run their commands. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandNames } from '../../lib/cli/program.ts';
import { pageNames } from '../../lib/pages.ts';
import { blocksOf, pagesOfDrills } from '../support/runbook-page.ts';

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
    assert.ok(/blocksOf\(|followPage\(/.test(text) && text.includes(`'${name}'`), `${drill} does not run ${name}.md`);
  }
});

/** A screen and a half of a terminal that is 160 columns wide. */
const longest = { rows: 75, columns: 160, line: 200 };

test('no page is longer than a screen and a half, and none of its sentences goes on beyond what one reads in a line', () => {
  for (const [name, text] of pages) {
    const lines = text.trimEnd().split('\n');
    const rows = lines.reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / longest.columns)), 0);
    assert.ok(rows <= longest.rows, `${name}.md has ${rows} rows`);
    const prose = text.replaceAll(/^```.*?^```$/gms, '').split('\n');
    for (const line of prose.filter((one) => !one.startsWith('|')))
      assert.ok(line.length <= longest.line, `${name}.md has a line of ${line.length}: ${line.slice(0, 80)}`);
  }
});

test('every block of commands is followed by what it prints', () => {
  for (const name of pages.keys()) {
    const own = blocksOf(name).filter(({ lines }) => lines.some((line) => line.includes('oauth2ctl ')));
    const silent = own.filter(({ prints }) => prints.length === 0);
    assert.deepEqual(
      silent.map(({ lines }) => lines.join('; ')),
      [],
      `${name}.md`,
    );
  }
});
