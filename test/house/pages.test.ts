/** The pages for tasks and the alarms lead to each other; `pages-run.test.ts` runs their commands. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Alarm } from '../../lib/alarm.ts';
import { alarmNames, alarms } from '../../lib/alarms.ts';
import { burnAlarms, objectiveNames, objectives } from '../../lib/objectives.ts';
import { pageNames } from '../../lib/pages.ts';

const folder = join(import.meta.dirname, '../../runbooks');
const files = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md');
const texts = new Map(files.map((file) => [file.slice(0, -3), readFileSync(join(folder, file), 'utf8')]));
const textOf = (page: string) => texts.get(page) ?? '';

/** Each alarm that tells somebody, with its page. */
const leading: ReadonlyMap<string, string> = new Map([
  ...alarmNames.flatMap((name) => {
    const { runbook, runbook_of = {} }: Alarm = alarms[name];
    return [[name, runbook] as const, ...Object.entries(runbook_of).map(([fn, page]) => [`${name}-${fn}`, page] as const)];
  }),
  ...objectiveNames.flatMap((name) =>
    burnAlarms.map(({ suffix }) => [`${name}${suffix}`, objectives[name].runbook as string] as const),
  ),
]);

test('every link of a task page leads to a page', () => {
  for (const name of pageNames)
    for (const [, target] of textOf(name).matchAll(/\]\((\w[\w-]*)\.md\)/g))
      assert.ok(target === 'README' || texts.has(target ?? ''), `${name}.md links to ${target}.md`);
});

test('the page that an alarm leads to names it under When', () => {
  for (const [alarm, page] of leading) {
    const when = /## When\n(.*?)\n## /s.exec(textOf(page))?.[1] ?? '';
    assert.match(when, new RegExp(`\\b${alarm}\\b`), `runbooks/${page}.md does not name ${alarm}`);
  }
});

test('a page names only alarms that there are', () => {
  const known = new Set(leading.keys());
  let named = 0;
  for (const [page, text] of texts) {
    for (const [, alarm = ''] of text.matchAll(/\balarms? ([A-Z]\w+)/g)) {
      assert.ok(known.has(alarm), `runbooks/${page}.md names the alarm ${alarm}`);
      named++;
    }
  }
  assert.ok(named > alarmNames.length / 2);
});
