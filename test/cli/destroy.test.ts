/** Removing a stage: what goes and in which order, what stays, and what has to be there before. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { AwsError } from '../../lib/local/aws-endpoint.ts';
import { type StackPart, stackParts } from '../../lib/stages.ts';
import { type Account, openAccount } from '../support/aws-account.ts';
import { manifestOf, openBucket } from '../support/backups.ts';
import { runInProcess, type ToolRun } from './stage.ts';

let account: Account;
beforeEach(async () => {
  account = await openAccount();
});
afterEach(() => account.close());

const kept: Partial<Record<StackPart, object>> = {
  data: {
    database: { Type: 'AWS::RDS::DBInstance', DeletionPolicy: 'RetainExceptOnCreate' },
    proxy: { Type: 'AWS::RDS::DBProxy' },
  },
  keys: {
    key: { Type: 'AWS::KMS::Key', DeletionPolicy: 'Retain' },
    secret: { Type: 'AWS::SecretsManager::Secret', DeletionPolicy: 'Retain' },
  },
  ops: {
    version: { Type: 'AWS::Lambda::Version', DeletionPolicy: 'Retain' },
    log: { Type: 'AWS::Logs::LogGroup', DeletionPolicy: 'Retain' },
  },
  api: { one: { Type: 'AWS::Logs::LogGroup', DeletionPolicy: 'Retain' } },
};

/** Of a stage without an edge, and without copies in a second region. */
const parts = stackParts.filter((one) => one !== 'edge' && one !== 'copies');

function deploy(stage: string, retains: boolean): void {
  for (const part of parts) {
    const name = `oauth2-${stage}-${part}`;
    const template = { Resources: retains ? (kept[part] ?? {}) : {} };
    account.stacks.set(name, { name, template, status: 'CREATE_COMPLETE', is_protected: retains, lasts: 2 });
  }
}

/** What the stage's procedure `list-backups` says, which names only those that were read back. */
function backUp(...minutesAgo: number[]): void {
  const backups = minutesAgo.map((minutes) => ({
    backup_id: `oauth2-${minutes}`,
    taken_at: new Date(Date.now() - minutes * 60_000).toISOString(),
  }));
  account.invoke = () => ({ outcome: 'succeeded', plan: { steps: [] }, result: { backups, unfinished: ['oauth2-0'] } });
}

const run = (...words: string[]): Promise<ToolRun> => runInProcess(['destroy', ...words], {}, '', { tries: 1, pause_ms: 0 });
const deletions = () =>
  account.calls.filter(({ operation }) => operation === 'DeleteStack').map(({ target }) => target.split('/')[1]);
const there = () => [...account.stacks.values()].filter(({ status }) => status !== 'DELETE_COMPLETE').map(({ name }) => name);
const because = ['--apply', '--reason', 'the trial is over'];

test('the plan names every stack against the order of the deployment, and changes nothing', async () => {
  deploy('dev', false);
  const { code, stdout } = await run('--stage', 'dev');
  assert.equal(code, 0);
  const named = [...stdout.matchAll(/delete (oauth2-dev-\w+)/g)].map(([, name]) => name);
  assert.deepEqual(
    named,
    parts.toReversed().map((part) => `oauth2-dev-${part}`),
  );
  assert.deepEqual([deletions(), there().length], [[], parts.length]);
});

test('a stage without people on it goes whole, and another stage beside it stays', async () => {
  deploy('dev', false);
  deploy('staging', false);
  const { code, stdout } = await run('--stage', 'dev', ...because);
  assert.equal(code, 0, stdout);
  assert.match(stdout, /1 of \d+: deleting oauth2-dev-observability\n2 of \d+: deleting oauth2-dev-api\n/);
  assert.ok(there().every((name) => name.startsWith('oauth2-staging-')));
  assert.equal(there().length, parts.length);
});

test('a bucket that goes is emptied before its stack, in the plan and in truth; one that stays keeps what it holds', async (t) => {
  const { storage, settings, close } = await openBucket();
  t.after(close);
  for (const day of [1, 2]) await storage.putManifest(manifestOf(new Date(Date.UTC(2026, 10, day))));
  const bucket = { Type: 'AWS::S3::Bucket', Properties: { BucketName: settings.bucket } };
  const stackOf = (policy: object) => ({ Resources: { backups: { ...bucket, ...policy } } });
  const put = (template: object) => {
    const name = 'oauth2-dev-backups';
    account.stacks.set(name, { name, template, status: 'CREATE_COMPLETE', is_protected: false, lasts: 1 });
  };
  put(stackOf({ DeletionPolicy: 'Retain' }));
  assert.equal((await run('--stage', 'dev', ...because)).code, 0);
  assert.equal((await storage.list()).length, 2);
  put(stackOf({ DeletionPolicy: 'Delete' }));
  const { stdout } = await run('--stage', 'dev');
  assert.match(stdout, /delete oauth2-dev-backups, with everything in backups$/m);
  const { code, stderr } = await run('--stage', 'dev', ...because);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await storage.list(), []);
});

test('the audit log has an entry before the first stack goes; a stage that cannot make one is removed all the same', async () => {
  deploy('dev', false);
  const calls: unknown[] = [];
  account.invoke = (name, payload) => {
    calls.push([name, payload, there().length]);
    return { outcome: 'succeeded', plan: { steps: [] }, result: {} };
  };
  const { json } = await run('--stage', 'dev', '--json', ...because);
  assert.equal(json.audit_log, 'recorded');
  const [[name, payload, stacks] = []] = calls as [string, { reason: string; input: { stacks: string[] } }, number][];
  assert.deepEqual(
    [name, payload?.reason, payload?.input.stacks.length, stacks],
    ['oauth2-dev-record-destroy', 'the trial is over', parts.length, parts.length],
  );
  deploy('dev', false);
  account.invoke = () => ({
    outcome: 'failed',
    plan: { steps: [] },
    error: { code: 'temporarily_unavailable', message: 'away' },
  });
  const { code, stdout } = await run('--stage', 'dev', ...because);
  assert.equal(code, 0);
  assert.match(stdout, /audit log +not recorded: away/);
  assert.deepEqual(there(), []);
  deploy('dev', false);
  account.invoke = (name) => {
    throw new AwsError('ResourceNotFoundException', `Function not found: ${name}`, 404);
  };
  const { json: told } = await run('--stage', 'dev', '--json', ...because);
  assert.match(told.audit_log, /^not recorded: .*oauth2-dev-record-destroy/);
  assert.deepEqual(there(), []);
});

test('in production the entry comes after the backup was found and the name was said, and names the backup', async () => {
  deploy('production', true);
  backUp(5);
  const answer = account.invoke;
  const calls: [name: string, input: Record<string, unknown>][] = [];
  account.invoke = (name, payload) => {
    calls.push([name, payload.input as Record<string, unknown>]);
    assert.deepEqual(deletions(), []);
    return answer(name, payload);
  };
  await run('--stage', 'production', ...because);
  assert.deepEqual(
    calls.map(([name]) => name),
    ['oauth2-production-list-backups'],
  );
  await run('--stage', 'production', '--confirm', 'production', ...because);
  assert.deepEqual(
    calls.slice(1).map(([name, { backup_id }]) => [name, backup_id]),
    [
      ['oauth2-production-list-backups', undefined],
      ['oauth2-production-record-destroy', 'oauth2-5'],
    ],
  );
});

test('nothing to remove is no failure', async () => {
  const { code, stdout } = await run('--stage', 'dev', ...because);
  assert.equal(code, 0);
  assert.match(stdout, /nothing of this stage/);
});

test('what was cut off goes on, and a deletion that fails says why', async () => {
  deploy('dev', false);
  const network = account.stacks.get('oauth2-dev-network');
  assert.ok(network);
  network.stuck = 'subnet-1 has dependencies';
  const failed = await run('--stage', 'dev', ...because);
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /oauth2-dev-network was not deleted: vpc: subnet-1 has dependencies \(delete_failed\)/);
  assert.deepEqual(there(), ['oauth2-dev-network']);
  const again = await run('--stage', 'dev', '--json', ...because);
  assert.deepEqual([again.code, again.json.deleted, there()], [0, ['oauth2-dev-network'], []]);
});

test('production is not removed without a fresh verified backup', async () => {
  deploy('production', true);
  const words = ['--stage', 'production', '--confirm', 'production', ...because];
  for (const [arrange, why] of [
    [
      () => {
        account.invoke = () => ({
          outcome: 'failed',
          plan: { steps: [] },
          error: { code: 'temporarily_unavailable', message: 'away' },
        });
      },
      /cannot tell which backups there are \(away\)/,
    ],
    [() => backUp(), /there is no backup/],
    [() => backUp(61, 90), /the last backup is of \S+, more than an hour ago/],
  ] as const) {
    arrange();
    const { code, stderr } = await run(...words);
    assert.equal(code, 1);
    assert.match(stderr, why);
    assert.match(stderr, /oauth2ctl backup --stage production makes one/);
  }
  assert.deepEqual([deletions(), there().length], [[], parts.length]);
});

test('production wants to be named once more, and keeps its data and the network that it is in', async () => {
  deploy('production', true);
  backUp(5, 90);
  const unsure = await run('--stage', 'production', ...because);
  assert.equal(unsure.code, 1);
  assert.match(unsure.stderr, /--confirm production says that it is meant/);
  assert.deepEqual(deletions(), []);
  const { code, json } = await run('--stage', 'production', '--confirm', 'production', '--json', ...because);
  assert.equal(code, 0);
  assert.deepEqual(there(), ['oauth2-production-network']);
  assert.deepEqual([json.left, json.backup], [['oauth2-production-network'], 'oauth2-5']);
  assert.deepEqual(json.kept, {
    'AWS::Logs::LogGroup': 2,
    'AWS::KMS::Key': 1,
    'AWS::SecretsManager::Secret': 1,
    'AWS::RDS::DBInstance': 1,
  });
  assert.equal(account.stacks.get('oauth2-production-network')?.is_protected, true);
  const { stdout } = await run('--stage', 'production', ...because);
  assert.match(stdout, /left as they are +oauth2-production-network/);
});

test('a local instance is a folder, which the tool says', async () => {
  const { code, stdout } = await run(...because);
  assert.deepEqual([code, account.calls], [0, []]);
  assert.match(stdout, /remove \.local/);
});
