/** What was given up is shown without being taken away, and taken out only when that is on record. On a real stage: test/aws/alarms.test.ts. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type Account, openAccount } from '../support/aws-account.ts';
import { runInProcess, type ToolRun } from './stage.ts';

let account: Account;
beforeEach(async () => {
  account = await openAccount();
  account.alarms = ['ScheduleFailed', 'EventsDropped'].map((name) => ({
    AlarmName: `oauth2-dev-${name}`,
    StateValue: 'OK',
    Dimensions: [{ Name: 'QueueName', Value: name }],
  }));
});
afterEach(() => account.close());

const run = (...words: string[]): Promise<ToolRun> =>
  runInProcess(['dead-letters', '--stage', 'dev', ...words], {}, '', { tries: 1, pause_ms: 0 });
const because = ['--apply', '--reason', 'mended'];

const failed = (name: string, error: string) => ({
  body: JSON.stringify({
    timestamp: '2026-11-25T02:15:04.000Z',
    requestContext: { functionArn: `arn:aws:lambda:eu-central-1:111122223333:function:oauth2-dev-${name}:live` },
    responsePayload: { errorMessage: error },
  }),
});
const dropped = (minute: number) => ({
  body: JSON.stringify({ 'detail-type': 'user_logout', detail: { time: `2026-11-25T02:${minute}:00.000Z` } }),
});
/** What was asked of functions. */
const recorded: Record<string, unknown>[] = [];
beforeEach(() => {
  recorded.length = 0;
  account.invoke = (name, payload) => {
    recorded.push({ name, ...payload });
    return { outcome: 'succeeded', plan: { steps: [] }, result: {} };
  };
});

test('with nothing in the queues there is nothing to do, and nothing is recorded', async () => {
  const { code, stdout, stderr } = await run();
  assert.equal(code, 0, stderr);
  assert.match(stdout, /nothing: no scheduled run was given up, and no event was dropped\n\nNothing was changed/);
  assert.deepEqual((await run(...because, '--json')).json, { taken_out: [], left: 0 });
  assert.deepEqual(recorded, []);
});

test('each is named in the order of its time, with what to do first; the queues still have them', async () => {
  account.queues.put('ScheduleFailed', failed('purge-expired', 'the database cannot be reached'));
  account.queues.put('EventsDropped', ...Array.from({ length: 23 }, (_, at) => dropped(20 + at)));
  const { code, stdout } = await run();
  assert.equal(code, 0);
  const lines = stdout.split('\n');
  assert.match(lines[1] ?? '', /the run of purge-expired of 2026-11-25T02:15:04.000Z: the database cannot be reached$/);
  assert.equal(lines.filter((line) => line.includes('the event user_logout of')).length, 23);
  assert.ok(stdout.includes('First: oauth2ctl logs --stage dev errors --function purge-expired --since 1d\n'), stdout);
  const times = '--since 2026-11-25T02:19:00.000Z --until 2026-11-25T02:43:00.000Z';
  assert.ok(
    stdout.includes(`First: oauth2ctl retry-events --stage dev ${times} --apply --reason "the bus dropped them"\n`),
    stdout,
  );
  assert.deepEqual([account.queues.visible('ScheduleFailed'), account.queues.visible('EventsDropped')], [1, 23]);
});

test('what was dropped a moment ago is sent again up to now, and not to a time that is yet to come', async () => {
  const detail = { time: new Date().toISOString() };
  account.queues.put('EventsDropped', { body: JSON.stringify({ 'detail-type': 'user_logout', detail }) });
  const { stdout } = await run();
  const [, until = ''] = /--until (\S+) /.exec(stdout) ?? [];
  assert.ok(Date.parse(until) >= Date.parse(detail.time) && Date.parse(until) <= Date.now(), stdout);
});

test('they are taken out when the audit log has it, by name and number', async () => {
  account.queues.put('ScheduleFailed', failed('backup', 'one'), failed('backup', 'two'), failed('purge-expired', 'three'));
  account.queues.put('EventsDropped', dropped(10));
  const { code, json } = await run(...because, '--json');
  assert.equal(code, 0);
  assert.deepEqual([json.taken_out.length, json.left], [4, 0]);
  assert.deepEqual([account.queues.count('ScheduleFailed'), account.queues.count('EventsDropped')], [0, 0]);
  const [{ name, input, reason }] = recorded as [Record<string, unknown>];
  assert.deepEqual([name, reason], ['oauth2-dev-record-act', 'mended']);
  assert.deepEqual(input, {
    act: 'discard',
    of: [
      { what: 'user_logout', count: 1 },
      { what: 'backup', count: 2 },
      { what: 'purge-expired', count: 1 },
    ],
  });
});

test('what cannot be recorded stays where it is', async () => {
  account.queues.put('ScheduleFailed', failed('backup', 'one'));
  const error = { code: 'unavailable', message: 'the database is away' };
  account.invoke = () => ({ outcome: 'failed', plan: { steps: [] }, error });
  const { code, stderr } = await run(...because);
  assert.equal(code, 1);
  assert.match(stderr, /nothing was taken out, since the audit log could not be written: the database is away \(not_recorded\)/);
  assert.equal(account.queues.visible('ScheduleFailed'), 1);
});

test('what SQS does not delete is told, and what came meanwhile is counted and stays', async () => {
  account.queues.put('ScheduleFailed', failed('backup', 'one'), failed('backup', 'two'));
  account.queues.undeletable.add('1');
  const { code, stderr } = await run(...because);
  assert.equal(code, 1);
  assert.match(stderr, /1 of 2 are there still: run it again \(not_removed\)/);
  account.queues.undeletable.clear();
  account.queues.put('EventsDropped', dropped(10));
  account.invoke = () => {
    account.queues.put('EventsDropped', dropped(30));
    return { outcome: 'succeeded', plan: { steps: [] }, result: {} };
  };
  const { json } = await run(...because, '--json');
  assert.equal(json.left, 1);
  assert.equal(account.queues.visible('EventsDropped'), 1);
});

test('a stage that is not there has no queue; an instance on this machine keeps none', async () => {
  account.alarms = [];
  assert.match((await run()).stderr, /the stage "dev" has no alarm over its dead letters: is it deployed.*\(no_queue\)/);
  const local = await runInProcess(['dead-letters', '--stage', 'local'], {});
  assert.equal(local.stdout, 'A local instance keeps no dead letters: oauth2ctl logs errors shows what failed.\n');
});
