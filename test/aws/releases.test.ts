/** Deploys after the first one: a new release takes over, goes back and forth by its aliases, and one whose migration fails changes nothing. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { env } from 'node:process';
import { after, test } from 'node:test';
import { recordDrill } from '../drills/record.ts';
import { followDeployedPage } from './deployed-page.ts';
import { lastLines, run } from './programs.ts';
import { ask, folder, functions, openDatabase, operate, readLiveVersions, root, stage } from './stage-under-test.ts';

const sql = openDatabase();
after(() => sql.end());

/** Deploys this code under another name, so that every function has another version. @returns the exit code and the log's end */
async function deploy(release: string): Promise<{ code: number; said: string }> {
  const log = join(folder, `deploy-${release}.log`);
  const args = ['deploy', '--all', '--require-approval', 'never', '--no-notices'];
  const code = await run({
    command: join(root, 'node_modules/.bin/cdk'),
    args: [...args, '--output', join(folder, `cdk.out-${release}`)],
    environment: { ...env, OAUTH2_RELEASE: release, NODE_TEST_CONTEXT: undefined },
    log,
    seconds: 200,
    cwd: root,
  });
  return { code, said: lastLines(log, 60) };
}

async function liveVersions(): Promise<string[]> {
  return [...new Set((await readLiveVersions()).values())];
}

const release = async () => (await ask('/health')).json.release;

test('a second deploy moves every function to its next version', async () => {
  assert.equal(await release(), 'first');
  const { code, said } = await deploy('second');
  assert.equal(code, 0, said);
  assert.deepEqual(await liveVersions(), ['2']);
  assert.equal(await release(), 'second');
  assert.deepEqual(await ask('/ready').then(({ status }) => status), 200);
});

test('oauth2ctl releases lists both, the second one live', async () => {
  const { code, json, stderr } = await operate(['releases', '--stage', stage]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    json.releases.map((one: { number: number; release: string }) => [one.number, one.release]),
    [
      [2, 'second'],
      [1, 'first'],
    ],
  );
  assert.equal(json.live, 2);
});

test('oauth2ctl rollback moves every alias back, and release --to 2 forth again', async () => {
  const began = performance.now();
  const back = await operate(['rollback', '--stage', stage, '--apply', '--reason', 'tried']);
  assert.equal(back.code, 0, back.stdout + back.stderr);
  const took = (performance.now() - began) / 1000;
  assert.deepEqual([await liveVersions(), await release()], [['1'], 'first']);
  const forth = await operate(['release', '--to', '2', '--stage', stage, '--apply', '--reason', 'tried']);
  assert.equal(forth.code, 0, forth.stdout + forth.stderr);
  assert.deepEqual([await liveVersions(), await release()], [['2'], 'second']);
  recordDrill({
    name: 'rollback-by-aliases',
    shows: 'On an emulator of AWS, `oauth2ctl rollback` moves the alias of every function to the release before',
    figures: { 'functions moved': functions.size, 'command, with its verification, s': Math.round(took * 10) / 10 },
  });
});

for (const page of ['releases', 'rollback', 'release'])
  test(`the page ${page} runs as written on a deployed stage, and says what is printed there`, () =>
    followDeployedPage(page, (line) => line.replace('--to 12', '--to 2')));

test('a deploy whose migration fails has backed up before it, fails, and the code of before keeps serving', async () => {
  // What the history does not know is pending again, and does not fit to what it has made already.
  const forgotten = await sql`delete from flyway_schema_history where version::integer >= 13 returning *`;
  assert.ok(forgotten.length > 0);
  try {
    const { code, said } = await deploy('third');
    assert.equal(code, 1);
    assert.match(said, /migrate failed/);
  } finally {
    await sql`insert into flyway_schema_history ${sql(forgotten)}`;
  }
  const [taken] =
    await sql`select outcome, reason, detail from audit_log where procedure = 'backup' and actor = 'deploy' and outcome <> 'begun'`;
  assert.deepEqual([taken?.outcome, taken?.reason], ['succeeded', 'deploy of third']);
  const [, id] = /^(oauth2-\S+) \(deploy\)/.exec(taken?.detail) ?? [];
  const { json } = await operate(['list-backups', '--stage', stage]);
  const stored = json.backups.find(({ backup_id }: { backup_id: string }) => backup_id === id);
  // Of before: the migrations that were to come are not in it.
  assert.equal(stored?.kind, 'deploy');
  assert.ok(Number(stored.schema_version) < 13);
  const versions = await readLiveVersions();
  // Both come before: they carry the new migrations, and no endpoint.
  for (const name of ['migrate', 'backup']) versions.delete(name);
  assert.deepEqual([...new Set(versions.values())], ['2']);
  assert.equal(await release(), 'second');
});

test('oauth2ctl verify finds the stage well afterwards', async () => {
  const { json, stderr } = await operate(['verify', '--stage', stage]);
  const wrong = json.checks.filter(({ verdict }: { verdict: string }) => verdict === 'not well');
  assert.deepEqual(wrong, [], stderr);
});
