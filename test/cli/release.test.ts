/** Putting a release in place: every alias or none, wherever it fails or is cut off. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { AwsError } from '../../lib/local/aws-endpoint.ts';
import { type DeployedStage, names, openDeployedStage } from './deployed-stage.ts';

let stage: DeployedStage;
beforeEach(async () => {
  stage = await openDeployedStage();
  stage.deploy();
  stage.deploy();
});
afterEach(() => stage.stop());

const allAt = (version: string) => Object.fromEntries(names.map((name) => [name, version]));
const apply = ['--apply', '--reason', 'it answers slowly'];
const isMove = ({ operation }: { operation: string }) => operation === 'UpdateAlias';

test('without --apply the plan is shown with the command that acts, and nothing is changed', async () => {
  const { code, stdout } = await stage.run('release', '--to', '1');
  assert.equal(code, 0);
  assert.match(stdout, /put release 1 \(1\.1\.0, commit c0ffee1, .*\) in place of release 2/);
  assert.match(stdout, /move the live alias of 6 functions: authorize 20 → 10, /);
  assert.match(stdout, /To act: oauth2ctl release --to 1 --stage dev --apply --reason '…'/);
  assert.deepEqual(stage.versions(), allAt('20'));
  assert.deepEqual(stage.moves(), []);
});

test('acting needs a reason', async () => {
  const { code, stderr } = await stage.run('release', '--to', '1', '--apply');
  assert.equal(code, 2);
  assert.match(stderr, /--apply needs --reason/);
});

test('every alias moves, and who did it, when and why is on record', async () => {
  const invoked: Record<string, unknown>[] = [];
  stage.account.invoke = (name, payload) => {
    invoked.push({ name, ...payload });
    return { outcome: 'succeeded', plan: { steps: [] } };
  };
  const { code, json } = await stage.run('release', '--to', '1', ...apply, '--json');
  assert.equal(code, 0);
  assert.deepEqual(stage.versions(), allAt('10'));
  assert.deepEqual([json.release, json.from, json.moved, json.audit_log], [1, 2, 6, 'recorded']);
  const [move, ...others] = stage.moves();
  assert.deepEqual(others, []);
  assert.deepEqual([move?.to, move?.from, move?.outcome, move?.reason], [1, 2, 'done', 'it answers slowly']);
  assert.match(String(move?.actor), /^[\w.-]+@[\w.-]+$/);
  assert.deepEqual(move?.before, allAt('20'));
  assert.equal(invoked.length, 1);
  const [{ name, reason, apply: applied, input }] = invoked as [{ name: string; reason: string; apply: boolean; input: object }];
  assert.deepEqual([name, reason, applied], ['oauth2-dev-record-move', 'it answers slowly', true]);
  assert.deepEqual(input, { to: 1, from: 2, outcome: 'done', id: move?.id, functions: 6 });
});

test('asked again, it finds nothing to do and leaves no second record', async () => {
  await stage.run('release', '--to', '1', ...apply);
  const { code, stdout } = await stage.run('release', '--to', '1', ...apply);
  assert.equal(code, 0);
  assert.match(stdout, /in place already: nothing was moved/);
  assert.equal(stage.moves().length, 1);
});

for (const [at, failing] of names.entries())
  test(`where the alias of ${failing} (${at + 1} of ${names.length}) cannot be moved, every other one is put back`, async () => {
    stage.account.before = ({ operation, target }) => {
      if (operation === 'UpdateAlias' && target === `oauth2-dev-${failing}`)
        throw new AwsError('AccessDeniedException', 'not you', 403);
    };
    const { code, stderr } = await stage.run('release', '--to', '1', ...apply);
    assert.equal(code, 1);
    assert.match(stderr, /release 1 is not in place, every alias is back where it was: AccessDeniedException.*put_back/);
    assert.deepEqual(stage.versions(), allAt('20'));
    assert.equal(stage.moves()[0]?.outcome, 'put back');
  });

test('where the release is not well, every alias is put back, and the finding is told', async () => {
  stage.sick.add(1);
  const { code, stderr } = await stage.run('release', '--to', '1', ...apply);
  assert.equal(code, 1);
  assert.match(stderr, /every alias is back where it was: ready: .*\/ready answers 503: \{"database":"unreachable"\}/);
  assert.deepEqual(stage.versions(), allAt('20'));
  assert.equal(stage.account.calls.filter(isMove).length, 12);
});

for (const moved of [1, 3, 5])
  test(`cut off after ${moved} aliases, it goes on where it stopped, and knows where it began`, async () => {
    cutOffAfter(moved);
    const cut = await stage.run('release', '--to', '1', ...apply);
    assert.notEqual(cut.code, 0);
    assert.equal(Object.values(stage.versions()).filter((version) => version === '10').length, moved);
    restore();
    const { code, stdout } = await stage.run('release', '--to', '1');
    assert.equal(code, 0);
    assert.match(stdout, /was cut off: this goes on with it/);
    assert.match(stdout, new RegExp(`the live alias of ${6 - moved} function`));
    assert.equal((await stage.run('release', '--to', '1', ...apply)).code, 0);
    assert.deepEqual(stage.versions(), allAt('10'));
    assert.deepEqual(
      stage.moves().map(({ from, to, outcome }) => [from, to, outcome]),
      [
        [2, 1, 'taken over'],
        [2, 1, 'done'],
      ],
    );
  });

test('cut off and then found not well, it puts back also what the first run had moved', async () => {
  cutOffAfter(3);
  await stage.run('release', '--to', '1', ...apply);
  restore();
  stage.sick.add(1);
  assert.equal((await stage.run('release', '--to', '1', ...apply)).code, 1);
  assert.deepEqual(stage.versions(), allAt('20'));
});

test('cut off, the old release can be asked for instead', async () => {
  cutOffAfter(4);
  await stage.run('release', '--to', '1', ...apply);
  restore();
  const { code } = await stage.run('release', '--to', '2', ...apply);
  assert.equal(code, 0);
  assert.deepEqual(stage.versions(), allAt('20'));
});

test('an alias that somebody else moves meanwhile stops it, and stays theirs', async () => {
  stage.account.functions.get('oauth2-dev-jwks')?.versions.add('99');
  stage.account.before = ({ operation, target }) => {
    if (operation !== 'UpdateAlias' || target !== 'oauth2-dev-health') return;
    stage.account.addFunction('oauth2-dev-jwks', '99');
  };
  const { code, stderr } = await stage.run('release', '--to', '1', ...apply);
  assert.equal(code, 1);
  assert.match(stderr, /somebody else moved the alias of oauth2-dev-jwks.*not put back: jwks .*at 99.*\(stuck\)/s);
  assert.deepEqual(stage.versions(), { ...allAt('20'), jwks: '99' });
});

test('while a deploy shifts traffic, or somebody else moves aliases, it waits', async () => {
  const token = stage.account.functions.get('oauth2-dev-token');
  if (token?.alias) token.alias.weights = { '30': 0.1 };
  const shifting = await stage.run('release', '--to', '1');
  assert.equal(shifting.code, 1);
  assert.match(shifting.stderr, /a deploy is shifting the traffic of token/);
  stage.account.addFunction('oauth2-dev-token', '20');
  cutOffAfter(2);
  await stage.run('release', '--to', '1', ...apply);
  restore();
  const [name, text] = [...stage.account.parameters].find(([key]) => key.startsWith('/oauth2/dev/moves/')) ?? ['', ''];
  stage.account.parameters.set(name, JSON.stringify({ ...JSON.parse(text), actor: 'ada@example' }));
  const other = await stage.run('release', '--to', '1');
  assert.equal(other.code, 1);
  assert.match(other.stderr, /ada@example is putting release 1 in place/);
});

test('a function that is new stays, one that is gone is skipped, and both are said', async () => {
  stage.account.functions.delete('oauth2-dev-authorize');
  stage.account.addFunction('oauth2-dev-userinfo', '30');
  stage.deploy([...names.filter((name) => name !== 'authorize'), 'userinfo']);
  const { stdout } = await stage.run('release', '--to', '1');
  assert.match(stdout, /leave what this release does not have as it is: userinfo/);
  assert.match(stdout, /skip what this release had and is gone: authorize/);
  const { code, json } = await stage.run('release', '--to', '1', ...apply, '--json');
  assert.equal(code, 0);
  assert.deepEqual([json.stays, json.gone], [['userinfo'], ['authorize']]);
  const { authorize: _gone, ...rest } = allAt('10');
  assert.deepEqual(stage.versions(), { ...rest, userinfo: '30' });
  const { json: list } = await stage.run('releases', '--json');
  assert.equal(list.live, 1);
});

test('a version that was deleted is found before anything moves', async () => {
  stage.account.functions.get('oauth2-dev-ready')?.versions.delete('10');
  const { code, stderr } = await stage.run('release', '--to', '1', ...apply);
  assert.equal(code, 1);
  assert.match(stderr, /these versions were deleted: ready 10; nothing was moved/);
  assert.deepEqual(stage.account.calls.filter(isMove), []);
});

test('a database that is away keeps nobody from going back: the record is in Parameter Store', async () => {
  stage.account.invoke = () => ({
    outcome: 'failed',
    plan: { steps: [] },
    error: { code: 'temporarily_unavailable', message: 'the database is away' },
  });
  const { code, json } = await stage.run('release', '--to', '1', ...apply, '--json');
  assert.equal(code, 0);
  assert.equal(json.audit_log, 'not recorded: the database is away');
  assert.equal(stage.moves()[0]?.outcome, 'done');
});

test('a release for an older migration leaves the schema and says so', async () => {
  stage.deploy(names, { schema_version: 2 });
  const { stdout } = await stage.run('release', '--to', '2');
  assert.match(stdout, /leave the database at migration 2, made so that code for migration 1 works with it/);
});

test('a release that is none, and a stage without any, are said in a sentence', async () => {
  const { stderr } = await stage.run('release', '--to', '7');
  assert.match(stderr, /there is no release 7; there are 1, 2 \(unknown_release\)/);
  assert.match((await stage.run('release', '--to', 'latest')).stderr, /--to is "latest"; allowed: the number of a release/);
  stage.account.parameters.clear();
  assert.match((await stage.run('release', '--to', '1')).stderr, /stage "dev" has no release in this account and region/);
});

/** From the k-th move on nothing gets through any more, as when the operator's connection is gone. */
function cutOffAfter(moves: number): void {
  let moved = 0;
  let gone = false;
  stage.account.before = ({ operation }) => {
    if (operation === 'UpdateAlias' && ++moved > moves) gone = true;
    if (gone) throw new AwsError('UnrecognizedClientException', 'The security token is invalid.', 403);
  };
}

function restore(): void {
  stage.account.before = () => {};
}
