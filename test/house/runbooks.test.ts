/** The runbook pages lead to each other, and their commands run as written. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { commandNames } from '../../lib/cli/program.ts';
import { openStage, type TestStage } from '../cli/stage.ts';
import { commandsOf, pagesOfDrills } from '../support/runbook-page.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'runbooks');
const pages = new Map(commandNames.map((name) => [name as string, readFileSync(join(folder, `${name}.md`), 'utf8')]));

let stage: TestStage;
before(async () => {
  stage = await openStage();
});
after(() => stage.stop());

test('every link of a page leads to a page', () => {
  for (const [name, text] of pages)
    for (const [, target] of text.matchAll(/\]\((\w[\w-]*)\.md\)/g))
      assert.ok(existsSync(join(folder, `${target}.md`)), `${name}.md links to ${target}.md`);
});

/** Commands whose exit code says how the stage is. */
const reportsOnHealth = /^(status|verify|rotate-database-password|incident|database-report|doctor|metrics|diagnose)$/;

test('the commands of every page that needs no more than this stage run as written', async () => {
  const { json: client } = await stage.run(['create-client', '--json', '--grant-types', 'client_credentials']);
  // As the start of a stage leaves it, some weeks ago.
  const { handler: makeKeys } = (await import('../../functions/ops/create-signing-keys/handler.ts')) as {
    handler: (event: unknown) => Promise<unknown>;
  };
  await makeKeys({ apply: true, actor: 'test' });
  await stage.bench.migrator.sql`update signing_keys set created_at = created_at - interval '30 days'`;
  await stage.run(['create-user', '--username', 'page-user', '--password-stdin'], 'correct horse');
  let commands = 0;
  for (const name of pages.keys()) {
    if (name in pagesOfDrills) continue;
    const username = name === 'create-user' ? `made-by-page-${commands}` : 'page-user';
    for (const { line, words, piped } of commandsOf(name, { CLIENT_ID: String(client.client_id), USERNAME: username })) {
      const { code, stderr } = await stage.run(words, piped ? 'a long password' : undefined);
      // A stage that was never started is not well: that is 4, and the page's command ran.
      assert.ok(code === 0 || (reportsOnHealth.test(words[0] ?? '') && code === 4), `${name}.md: ${line}: ${stderr}`);
      commands++;
    }
  }
  assert.ok(commands > commandNames.length);
});

test('every other page runs as written in the drill that is named for it', () => {
  for (const [name, drill] of Object.entries(pagesOfDrills)) {
    assert.ok(pages.has(name), `there is no page ${name}.md`);
    const text = readFileSync(join(root, drill), 'utf8');
    assert.ok(text.includes('commandsOf(') && text.includes(`'${name}'`), `${drill} does not run ${name}.md`);
  }
});
