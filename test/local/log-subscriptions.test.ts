/** What functions write reaches the functions that subscribe to it: filtered, in batches of one stream, again where it was not taken. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createFunctions } from '../../lib/local/functions.ts';
import { openLogJournal } from '../../lib/local/log-journal.ts';
import { createLogSubscriptions } from '../../lib/local/log-subscriptions.ts';
import { makeFolder, makeFunction } from './fixture.ts';

/** Writes down what it is given; refuses as long as there is a file that says so. */
const takes = (folder: string) => `
  import { appendFileSync, existsSync, unlinkSync } from 'node:fs';
  export const handler = async ({ awslogs }) => {
    if (existsSync(${JSON.stringify(join(folder, 'refuse'))})) {
      unlinkSync(${JSON.stringify(join(folder, 'refuse'))});
      throw new Error('the database is away');
    }
    appendFileSync(${JSON.stringify(join(folder, 'taken'))}, awslogs.data + '\\n');
  };`;

interface Delivery {
  readonly messageType: string;
  readonly logGroup: string;
  readonly logStream: string;
  readonly logEvents: readonly { id: string; timestamp: number; message: string }[];
}

function open(t: TestContext) {
  const folder = makeFolder(t);
  const journal = openLogJournal(join(folder, 'journal'));
  const specs = [makeFunction(folder, 'taker', takes(folder))];
  const functions = createFunctions({ specs, environment: {}, output: () => {}, notice: () => {} });
  t.after(() => functions.stop());
  const said: string[] = [];
  const options = { account: '1', invoke: functions.invoke, say: (line: string) => said.push(line), pause_ms: 10 };
  const subscriptions = createLogSubscriptions(options);
  subscriptions.replace([
    { group: '/logs/source', pattern: '{ $._aws.CloudWatchMetrics[0].Namespace = "ours" }', function: 'taker' },
  ]);
  return {
    folder,
    said,
    subscriptions,
    write: (lines: string, stream = 'one', group = '/logs/source') =>
      subscriptions.take(group, journal.write(group, stream, lines)),
    taken(): Delivery[] {
      if (!existsSync(join(folder, 'taken'))) return [];
      const lines = readFileSync(join(folder, 'taken'), 'utf8').trim().split('\n');
      return lines.map((data) => JSON.parse(gunzipSync(Buffer.from(data, 'base64')).toString()) as Delivery);
    },
  };
}

const line = (namespace: string, n: number) => `{"_aws":{"CloudWatchMetrics":[{"Namespace":"${namespace}"}]},"n":${n}}\n`;

test('lines that match are delivered by stream, each with id and time, and others are not', async (t) => {
  const { write, subscriptions, taken } = open(t);
  write(`${line('ours', 1)}{"message":"request"}\n${line('theirs', 2)}START RequestId: 1\n${line('ours', 3)}`);
  write(line('ours', 4), 'two');
  write(line('ours', 5), 'one', '/logs/other');
  await subscriptions.close();
  const found = taken().toSorted((a, b) => (a.logStream < b.logStream ? -1 : 1));
  assert.deepEqual(
    found.map(({ messageType, logGroup, logStream, logEvents }) => [
      messageType,
      logGroup,
      logStream,
      logEvents.map(({ message }) => JSON.parse(message).n),
    ]),
    [
      ['DATA_MESSAGE', '/logs/source', 'one', [1, 3]],
      ['DATA_MESSAGE', '/logs/source', 'two', [4]],
    ],
  );
  const events = found.flatMap(({ logEvents }) => logEvents);
  assert.equal(new Set(events.map(({ id }) => id)).size, 3);
  assert.ok(events.every(({ timestamp }) => Math.abs(Date.now() - timestamp) < 60_000));
});

test('what was not taken is delivered again with what came since, and it is said once', async (t) => {
  const { folder, write, subscriptions, taken, said } = open(t);
  const { writeFileSync, watch } = await import('node:fs');
  writeFileSync(join(folder, 'refuse'), '');
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  const watcher = watch(folder, () => existsSync(join(folder, 'taken')) && resolve());
  t.after(() => watcher.close());
  write(line('ours', 1));
  await arrived;
  write(line('ours', 2));
  await subscriptions.close();
  const numbers = taken().flatMap(({ logEvents }) => logEvents.map(({ message }) => JSON.parse(message).n as number));
  assert.deepEqual(numbers, [1, 2]);
  assert.equal(said.length, 1);
  assert.match(said[0] ?? '', /^taker did not take what \/logs\/source says; it is tried again: .*the database is away/);
});

test('a pattern that this machine does not understand is refused when it is subscribed with', (t) => {
  const { subscriptions } = open(t);
  assert.throws(() => subscriptions.replace([{ group: 'a', pattern: '{ $.a = * }', function: 'taker' }]), /not understood/);
});
