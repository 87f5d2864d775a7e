/** Whom the alarms tell is shown, one of each severity is raised on record, and what CloudWatch could not do is told. On a real topic: test/aws/alarms.test.ts. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { alarms } from '../../lib/alarms.ts';
import { tried } from '../../lib/observe/try-alarms.ts';
import { type Account, openAccount } from '../support/aws-account.ts';
import { runInProcess, type ToolRun } from './stage.ts';

const topicOf = (severity: string) => `arn:aws:sns:eu-central-1:111122223333:oauth2-dev-${severity}`;

let account: Account;
const recorded: Record<string, unknown>[] = [];
beforeEach(async () => {
  account = await openAccount();
  recorded.length = 0;
  account.alarms = Object.entries(tried).map(([severity, name]) => ({
    AlarmName: `oauth2-dev-${name}`,
    StateValue: 'OK',
    AlarmActions: [topicOf(severity)],
  }));
  account.subscriptions.set(topicOf('critical'), [
    { protocol: 'email', endpoint: 'night@example.com', arn: `${topicOf('critical')}:1` },
    { protocol: 'email', endpoint: 'new@example.com', arn: 'PendingConfirmation' },
  ]);
  account.subscriptions.set(topicOf('warning'), [
    { protocol: 'https', endpoint: 'https://chat.example.com', arn: `${topicOf('warning')}:1` },
  ]);
  account.alarm_actions = [`Successfully executed action ${topicOf('critical')}`];
  account.invoke = (name, payload) => {
    recorded.push({ name, ...payload });
    return { outcome: 'succeeded', plan: { steps: [] }, result: {} };
  };
});
afterEach(() => account.close());

const run = (...words: string[]): Promise<ToolRun> =>
  runInProcess(['try-alarms', '--stage', 'dev', ...words], {}, '', { tries: 2, pause_ms: 0 });
const because = ['--apply', '--reason', 'a new quarter'];
const raised = () => account.calls.filter(({ operation }) => operation === 'SetAlarmState').map(({ target }) => target);

test('each severity is tried by an alarm of its own that stops no deploy', () => {
  for (const [severity, name] of Object.entries(tried)) {
    assert.equal(alarms[name].severity, severity);
    assert.ok(!('stops_deploy' in alarms[name]) && !('each' in alarms[name]) && !('expression' in alarms[name]), name);
  }
});

test('the plan says who is told and who is not, and raises nothing', async () => {
  const { code, stdout, stderr } = await run();
  assert.equal(code, 0, stderr);
  const steps = stdout.split('\n').filter((line) => line.startsWith('  - '));
  assert.deepEqual(steps, [
    '  - raise ScheduleFailed (critical) for a try',
    '  - tell night@example.com (email)',
    '  - not tell new@example.com (email), who has not opened the link in the mail of SNS',
    '  - raise FunctionMemoryHigh (warning) for a try',
    '  - tell https://chat.example.com (https)',
  ]);
  assert.deepEqual([raised(), recorded], [[], []]);
});

test('both are raised after the audit log has it; who was not told makes it end as not well', async () => {
  const { code, stdout, stderr } = await run(...because);
  assert.equal(code, 4, stderr);
  assert.match(stdout, /^ScheduleFailed +critical +told +night@example.com \(email\)$/m);
  assert.match(stdout, /^FunctionMemoryHigh +warning +told +https:\/\/chat.example.com \(https\)$/m);
  assert.match(stdout, /^Next: let these open the link in the mail of SNS, .*: new@example.com \(email\)$/m);
  assert.deepEqual(raised(), ['oauth2-dev-ScheduleFailed', 'oauth2-dev-FunctionMemoryHigh']);
  const of = ['ScheduleFailed', 'FunctionMemoryHigh'].map((what) => ({ what, count: 1 }));
  assert.deepEqual(
    recorded.map(({ name, input, reason }) => ({ name, input, reason })),
    [{ name: 'oauth2-dev-record-act', input: { act: 'try', of }, reason: 'a new quarter' }],
  );
});

test('with everybody told it is well; what CloudWatch has not said yet is not claimed', async () => {
  account.subscriptions.get(topicOf('critical'))?.pop();
  account.alarm_actions = [];
  const { code, json } = await run(...because, '--json');
  assert.equal(code, 0);
  assert.deepEqual(
    json.alarms.map(({ alarm, outcome }: Record<string, unknown>) => [alarm, outcome]),
    [
      ['ScheduleFailed', 'not seen yet'],
      ['FunctionMemoryHigh', 'not seen yet'],
    ],
  );
});

test('a topic that CloudWatch cannot write to is named, and so is one that nobody listens to', async () => {
  account.alarm_actions = ['Failed to execute action arn:aws:sns:eu-central-1:111122223333:oauth2-dev-critical'];
  const failed = await run(...because);
  assert.equal(failed.code, 1);
  assert.match(
    failed.stderr,
    /CloudWatch could not tell of oauth2-dev-ScheduleFailed: Failed to execute action arn:.* \(not_told\)/,
  );

  account.alarm_actions = [];
  account.subscriptions.clear();
  for (const alarm of account.alarms) alarm.StateValue = 'OK';
  const silent = await run(...because);
  assert.equal(silent.code, 4);
  assert.match(
    silent.stdout,
    /^Next: nobody is told of critical and warning alarms: alarm_emails in lib\/stages.ts, then deploy$/m,
  );
});

test('an alarm that fires in earnest is left alone, and raises nothing on record', async () => {
  for (const alarm of account.alarms) alarm.StateValue = 'ALARM';
  const { json } = await run(...because, '--json');
  assert.deepEqual(
    json.alarms.map(({ outcome }: Record<string, unknown>) => outcome),
    ['fires already', 'fires already'],
  );
  assert.deepEqual([raised(), recorded], [[], []]);
});

test('what cannot be recorded is not raised', async () => {
  const error = { code: 'unavailable', message: 'the database is away' };
  account.invoke = () => ({ outcome: 'failed', plan: { steps: [] }, error });
  const { code, stderr } = await run(...because);
  assert.equal(code, 1);
  assert.match(stderr, /no alarm was raised, since the audit log could not be written: the database is away \(not_recorded\)/);
  assert.deepEqual(raised(), []);
});

test('a stage that is not there has no alarms; an instance on this machine has none', async () => {
  account.alarms = [];
  assert.match((await run()).stderr, /there is no alarm oauth2-dev-ScheduleFailed: is the stage "dev" deployed.*\(no_alarm\)/);
  const local = await runInProcess(['try-alarms', '--stage', 'local'], {});
  assert.equal(local.stdout, 'Nothing watches a local instance: it has no alarms.\n');
});
