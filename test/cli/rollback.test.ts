/** Going back: to the release before the live one, whatever is broken, and on with a way back that was cut off. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { AwsError } from '../../lib/local/aws-endpoint.ts';
import { type DeployedStage, names, openDeployedStage } from './deployed-stage.ts';

let stage: DeployedStage;
beforeEach(async () => {
  stage = await openDeployedStage();
  for (let number = 1; number <= 3; number++) stage.deploy();
});
afterEach(() => stage.stop());

const allAt = (version: string) => Object.fromEntries(names.map((name) => [name, version]));
const apply = ['--apply', '--reason', 'error rate above 5 %'];

test('it goes to the release before the live one, and again to the one before that', async () => {
  assert.match((await stage.run('rollback')).stdout, /put release 2 .* in place of release 3/);
  assert.equal((await stage.run('rollback', ...apply)).code, 0);
  assert.deepEqual(stage.versions(), allAt('20'));
  assert.equal((await stage.run('rollback', ...apply)).code, 0);
  assert.deepEqual(stage.versions(), allAt('10'));
});

test('it needs no function of the release that is broken', async () => {
  stage.sick.add(3);
  stage.account.invoke = () => {
    throw new AwsError('ServiceException', 'every function of this release crashes', 500);
  };
  const { code, stdout } = await stage.run('rollback', ...apply);
  assert.equal(code, 0);
  assert.match(stdout, /audit log +not recorded/);
  assert.deepEqual(stage.versions(), allAt('20'));
});

test('from the first release there is nowhere to go', async () => {
  await stage.run('release', '--to', '1', ...apply);
  const { code, stderr } = await stage.run('rollback', ...apply);
  assert.equal(code, 1);
  assert.match(stderr, /release 1 is the first one/);
});

for (const moved of [1, 4])
  test(`cut off after ${moved} aliases and run again, it goes to the same release as before, not further`, async () => {
    let count = 0;
    stage.account.before = ({ operation }) => {
      if (operation === 'UpdateAlias') count++;
      if (count > moved) throw new AwsError('UnrecognizedClientException', 'The security token is invalid.', 403);
    };
    assert.notEqual((await stage.run('rollback', ...apply)).code, 0);
    stage.account.before = () => {};
    assert.equal((await stage.run('rollback', ...apply)).code, 0);
    assert.deepEqual(stage.versions(), allAt('20'));
  });

test('after a way forward that was cut off it does not guess', async () => {
  await stage.run('release', '--to', '1', ...apply);
  let count = 0;
  stage.account.before = ({ operation }) => {
    if (operation === 'UpdateAlias') count++;
    if (count > 2) throw new AwsError('UnrecognizedClientException', 'The security token is invalid.', 403);
  };
  await stage.run('release', '--to', '3', ...apply);
  stage.account.before = () => {};
  const { code, stderr } = await stage.run('rollback', ...apply);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /the move from release 1 to 3 did not end: oauth2ctl release --stage dev --to 3 goes on with it, --to 1 takes it back/,
  );
});

test('where the aliases stand as no release has them, it asks to choose', async () => {
  stage.account.addFunction('oauth2-dev-token', '99');
  assert.match((await stage.run('rollback', ...apply)).stderr, /choose one with oauth2ctl release --stage dev --to NUMBER/);
  assert.equal((await stage.run('release', '--to', '2', ...apply)).code, 0);
  assert.deepEqual(stage.versions(), allAt('20'));
});

test('a deploy after a move that was cut off has moved everything: that move is over', async () => {
  let count = 0;
  stage.account.before = ({ operation }) => {
    if (operation === 'UpdateAlias') count++;
    if (count > 2) throw new AwsError('UnrecognizedClientException', 'The security token is invalid.', 403);
  };
  await stage.run('rollback', ...apply);
  stage.account.before = () => {};
  stage.deploy(names, { time: new Date(Date.now() + 1000).toISOString() });
  assert.match((await stage.run('rollback')).stdout, /^Plan:\n {2}- put release 3 /);
});
