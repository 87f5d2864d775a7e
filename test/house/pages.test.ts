/** The pages for tasks run as written, and alarms and pages lead to each other. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Alarm } from '../../lib/alarm.ts';
import { alarmNames, alarms } from '../../lib/alarms.ts';
import { burnAlarms, objectiveNames, objectives } from '../../lib/objectives.ts';
import { pageNames } from '../../lib/pages.ts';
import { stages } from '../../lib/stages.ts';
import { openStage, type TestStage } from '../cli/stage.ts';

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

let stage: TestStage;
before(async () => {
  stage = await openStage();
});
after(() => stage.stop());

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

/** What the pages ask of the CDK; `test/aws/run.ts` and `test/e2e/deployment.test.ts` carry out the same with the stage `emulator`. */
function checkCdk(line: string, page: string): void {
  const [, stageName] =
    /^npx cdk (?:bootstrap|(?:deploy|diff|destroy) --all -c stage=(\w+))$/.exec(line) ?? assert.fail(`${page}: ${line}`);
  assert.ok(stageName === undefined || stageName in stages, `${page}: there is no stage ${stageName}`);
}

test('the commands and statements of the task pages run as written', async () => {
  const { handler: makeKeys } = (await import('../../functions/ops/create-signing-keys/handler.ts')) as {
    handler: (event: unknown) => Promise<unknown>;
  };
  await makeKeys({ apply: true, actor: 'test' });
  await stage.run(['create-user', '--username', 'page-user', '--password-stdin'], 'correct horse');
  const { sql } = stage.bench.migrator;
  const [user] = await sql<{ subject: string }[]>`select subject from users`;
  const fill = (text: string) =>
    text.replaceAll('USERNAME', 'page-user').replaceAll("'NAME'", "'page-user'").replaceAll('SUBJECT', String(user?.subject));
  for (const name of pageNames) {
    let run = 0;
    for (const [, language, block = ''] of textOf(name).matchAll(/```(sh|sql)\n(.*?)```/gs)) {
      for (const line of fill(block).trim().split('\n')) {
        run++;
        if (language === 'sql') {
          await sql.unsafe(line);
          continue;
        }
        if (line.startsWith('npx cdk')) {
          checkCdk(line, name);
          continue;
        }
        const [npx, tool, ...words] = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
        assert.deepEqual([npx, tool], ['npx', 'oauth2ctl'], `${name}: ${line}`);
        const { code, stderr } = await stage.run(words);
        // Functions without endpoints are not well: that is 4, and the command ran.
        const allowed = /^(status|verify|doctor|metrics|diagnose)$/.test(words[0] ?? '') ? [0, 4] : [0];
        assert.ok(allowed.includes(code), `${name}.md: ${line}: ${code} ${stderr}`);
      }
    }
    assert.ok(run > 0, `${name}.md has no command`);
  }
  const left = await sql`select 1 from users where subject = ${String(user?.subject)}`;
  assert.equal(left.length, 0);
});
