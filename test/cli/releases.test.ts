/** The list of releases: all of them, which one is live, and who moved what. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { AwsError } from '../../lib/local/aws-endpoint.ts';
import { type DeployedStage, names, openDeployedStage } from './deployed-stage.ts';
import { runInProcess } from './stage.ts';

let stage: DeployedStage;
beforeEach(async () => {
  stage = await openDeployedStage();
});
afterEach(() => stage.stop());

test('before the first deploy there is none', async () => {
  const { code, stdout } = await stage.run('releases');
  assert.deepEqual([code, stdout], [0, 'There is no release yet: a deploy records the first one.\n']);
});

test('all are listed, newest first, over pages of the API, with the one that is live', async () => {
  for (let number = 1; number <= 5; number++) stage.deploy();
  const { json } = await stage.run('releases', '--json');
  assert.deepEqual(
    json.releases.map(({ number, commit }: { number: number; commit: string }) => [number, commit]),
    [5, 4, 3, 2, 1].map((number) => [number, `c0ffee${number}`]),
  );
  assert.equal(json.live, 5);
  await stage.run('release', '--to', '2', '--apply', '--reason', 'tried');
  const { stdout } = await stage.run('releases');
  assert.match(stdout, /^RELEASE +NAME +COMMIT +DEPLOYED +MIGRATION +FUNCTIONS$/m);
  assert.match(stdout, /^2 live +1\.2\.0 +c0ffee2 +2026-01-02 00:00:00 UTC +1 +6$/m);
  assert.match(stdout, /5 → 2 +done +\S+@\S+ +tried$/m);
});

test('aliases that stand as no release has them are said', async () => {
  stage.deploy();
  stage.account.addFunction('oauth2-dev-token', '99');
  const { json, stdout } = await stage.run('releases', '--json');
  assert.equal(json.live, null);
  assert.doesNotMatch(stdout, /live"?: 1/);
  assert.match((await stage.run('releases')).stdout, /Next: the aliases stand as no release has them/);
});

test('a deploy of a part of the functions is a release of all of them', async () => {
  stage.deploy();
  stage.deploy(['token']);
  const { json } = await stage.run('releases', '--json');
  assert.deepEqual(
    [json.live, json.releases[0].functions],
    [2, { ...Object.fromEntries(names.map((name) => [name, '10'])), token: '20' }],
  );
});

test('a local instance has one release, and going back there says the same', async () => {
  for (const words of [['releases'], ['release', '--to', '1'], ['rollback']]) {
    const { code, stdout } = await runInProcess(words, {});
    assert.equal(code, 0);
    assert.match(stdout, /^A local instance has one release, the working tree/);
    assert.equal(stdout.trim().split('\n').length, 1);
  }
});

test('who may not read is told in one line what for', async () => {
  stage.account.before = () => {
    throw new AwsError('AccessDeniedException', 'User ada is not authorized to perform: ssm:GetParametersByPath');
  };
  const { code, stderr } = await stage.run('releases');
  assert.equal(code, 3);
  assert.equal(
    stderr,
    'oauth2ctl: your AWS identity may not do this: User ada is not authorized to perform: ssm:GetParametersByPath\n',
  );
});
