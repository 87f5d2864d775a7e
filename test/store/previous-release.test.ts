/** Expand and contract: the store of the last release, its own tests and queries, on the schema of the working tree. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { type TestContext, test } from 'node:test';
import { findLastRelease, git, takeOut } from '../support/releases.ts';

const root = join(import.meta.dirname, '../..');
/** The store of a commit, with the migrations of the working tree. */
function takeOutStore(t: TestContext, commit: string): string {
  const folder = takeOut(commit, 'lib', 'test/store', 'test/support', 'package.json');
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(join(root, 'migrations'), join(folder, 'migrations'), { recursive: true });
  return folder;
}

/** Runs tests of a store's tree; against a server of their own, which has that tree's migrations. */
async function runStoreTests(folder: string, files: readonly string[]): Promise<{ code: number | null; said: string }> {
  const { NODE_TEST_CONTEXT: _ours, OAUTH2_TEST_DATABASE_URL: _shared, ...environment } = env;
  const words = ['--test', '--test-concurrency=1', '--test-timeout=60000', '--test-global-setup=test/support/postgres.ts'];
  const child = spawn(execPath, [...words, ...files.map((file) => `test/store/${file}`)], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 170_000,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

const release = findLastRelease();

if (release === undefined)
  test('there is no release yet (no tag v…): no code is out there that a new schema could break', () => {
    assert.deepEqual(git('tag', '--list', 'v[0-9]*', '--merged', 'HEAD'), '');
  });
else
  test(`the store of ${release} works with the schema of the working tree`, async (t) => {
    const folder = takeOutStore(t, release);
    // Those of the migrator know the files of their own release.
    const kept = readdirSync(join(folder, 'test/store')).filter((name) => name.endsWith('.test.ts'));
    const files = kept.filter((name) => name !== 'migrate.test.ts' && name !== 'previous-release.test.ts');
    assert.ok(files.length > 5);
    const { code, said } = await runStoreTests(folder, files);
    assert.equal(code, 0, said);
  });

test('a migration that takes something away from code that still uses it is found', async (t) => {
  const folder = takeOutStore(t, 'HEAD');
  const well = await runStoreTests(folder, ['throttles.test.ts']);
  assert.equal(well.code, 0, well.said);
  writeFileSync(join(folder, 'migrations/V9998__take_away.sql'), 'drop table throttles cascade;\n');
  const broken = await runStoreTests(folder, ['throttles.test.ts']);
  assert.equal(broken.code, 1);
  assert.match(broken.said, /relation "throttles" does not exist/);
});
