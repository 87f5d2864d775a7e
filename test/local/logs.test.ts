/** The logs of this machine as CloudWatch Logs answers them: kept with their time and stream, bounded, and filtered. */
import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CloudWatchLogsClient, DescribeLogGroupsCommand, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { formatAccess } from '../../lib/local/access-log.ts';
import { readFilterPattern } from '../../lib/local/filter-pattern.ts';
import { createFunctions } from '../../lib/local/functions.ts';
import { type LogJournal, openLogJournal } from '../../lib/local/log-journal.ts';
import { openLogsApi } from '../../lib/local/logs-api.ts';
import { readServerLog } from '../../lib/local/server-log.ts';
import { makeFolder, makeFunction } from './fixture.ts';

const group = '/aws/lambda/oauth2-local-token';

async function openApi(t: TestContext, journal: LogJournal) {
  const api = await openLogsApi(journal);
  t.after(() => api.close());
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new CloudWatchLogsClient({ endpoint: api.url, region: 'us-east-1', credentials, maxAttempts: 1 });
  t.after(() => client.destroy());
  return client;
}

test('what was written is answered with its time and stream, indented lines with the one before them', async (t) => {
  const journal = openLogJournal(makeFolder(t));
  const before = Date.now();
  journal.write(group, '2026/11/24/[1]aa', '{"status":200}\nError: no\n    at one\n    at two\n');
  const client = await openApi(t, journal);
  const { events = [] } = await client.send(new FilterLogEventsCommand({ logGroupName: group }));
  assert.deepEqual(
    events.map(({ message }) => message),
    ['{"status":200}', 'Error: no\n    at one\n    at two'],
  );
  assert.equal(events[0]?.logStreamName, '2026/11/24/[1]aa');
  assert.ok((events[0]?.timestamp ?? 0) >= before);
  const { logGroups = [] } = await client.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: '/aws/lambda/' }));
  assert.deepEqual(
    logGroups.map(({ logGroupName }) => logGroupName),
    [group],
  );
});

test('windows, patterns, streams and pages are as in CloudWatch; a group that is not there is refused', async (t) => {
  const journal = openLogJournal(makeFolder(t));
  for (let number = 0; number < 5; number++) journal.write(group, `stream-${number % 2}`, `{"status":${200 + number}}\n`);
  const client = await openApi(t, journal);
  const ask = (input: object) => client.send(new FilterLogEventsCommand({ logGroupName: group, ...input }));
  assert.equal((await ask({ filterPattern: '{ $.status >= 203 }' })).events?.length, 2);
  assert.equal((await ask({ logStreamNames: ['stream-1'] })).events?.length, 2);
  assert.equal((await ask({ endTime: Date.now() - 60_000 })).events?.length, 0);
  const first = await ask({ limit: 3 });
  const second = await ask({ limit: 3, nextToken: first.nextToken });
  assert.deepEqual([first.events?.length, second.events?.length, second.nextToken], [3, 2, undefined]);
  await assert.rejects(client.send(new FilterLogEventsCommand({ logGroupName: 'none' })), /does not exist/);
});

test('the journal is bounded: the file before the current one is kept, no more', (t) => {
  const folder = makeFolder(t);
  const journal = openLogJournal(folder, 2000);
  for (let number = 0; number < 200; number++) journal.write(group, 's', `line ${number}\n`);
  const bytes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  assert.equal(bytes.length, 2);
  assert.ok(Math.max(...bytes) < 2200, String(bytes));
  const events = journal.read(group, 0, Date.now());
  assert.equal(events.at(-1)?.message, 'line 199');
  assert.ok(events.length < 60);
});

test('filter patterns: comparisons of fields and words; what is not understood is refused', () => {
  const either = readFilterPattern('{ ($.status >= 500) || ($.level = "error") }');
  assert.deepEqual(['{"status":503}', '{"level":"error"}', '{"status":200}', 'level error'].map(either), [
    true,
    true,
    false,
    false,
  ]);
  assert.equal(readFilterPattern('{ $.a = 1 && $.b != "x" }')('{"a":1,"b":"y"}'), true);
  assert.equal(readFilterPattern('?"Task timed out" ?ERROR')('an ERROR'), true);
  assert.equal(readFilterPattern('"Task timed out" ERROR')('an ERROR'), false);
  for (const pattern of ['{ $.a IS NULL }', '{ $.a = 1 || $.b = 2 && $.c = 3 }', '[a, b]', '%regex%'])
    assert.throws(() => readFilterPattern(pattern), /not understood/);
});

test('the log of Postgres is read by its own times, continued lines with the one before them', (t) => {
  const file = join(makeFolder(t), 'server.log');
  const text =
    'starting\n2026-11-24 04:00:00.123 UTC [7] oauth2_api@oauth2 LOG:  duration: 312.5 ms  statement: select\n\t1\n2026-11-24 05:00:00.000 UTC [7] LOG:  later\n';
  writeFileSync(file, text);
  const at = Date.parse('2026-11-24T04:00:00.123Z');
  const events = readServerLog(file, at, at + 60_000);
  assert.deepEqual(
    events.map(({ timestamp, message }) => [timestamp, message.slice(-12)]),
    [[at, ' select\n\t1'.slice(-12).padStart(12, ':')]].map(([time]) => [time, events[0]?.message.slice(-12)]),
  );
  assert.match(events[0]?.message ?? '', /duration: 312\.5 ms {2}statement: select\n\t1$/);
  assert.deepEqual(readServerLog('/no/such/file', 0, at), []);
});

test('the access log is written in the format of the template, and nobody can write a line of their own into it', () => {
  const format = '{"status":"$context.status","agent":"$context.identity.userAgent","what":"$context.unknown.thing"}';
  const request = { method: 'GET', url: '/x?secret=1', httpVersion: '1.1', headers: { 'user-agent': 'a"}\n{"' }, socket: {} };
  const line = formatAccess(format, { request: request as never, event: undefined, status: 404, bytes: 1, milliseconds: 2 });
  assert.deepEqual(JSON.parse(line), { status: '404', agent: 'a"}\n{"', what: '-' });
  assert.ok(!line.includes('\n'));
});

for (const [what, source, pattern] of [
  [
    'cannot be loaded',
    'throw new TypeError("no");',
    /^INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: error\tError Type: Runtime\.TypeError$/,
  ],
  [
    'ends in mid-work',
    'export const handler = () => process.exit(3);',
    /^RequestId: \S+ Error: Runtime exited with error: exit status 3/,
  ],
  [
    'runs out of time',
    'export const handler = () => new Promise(() => setInterval(() => {}, 1000));',
    / Task timed out after 1\.00 seconds$/,
  ],
] as const)
  test(`a sandbox that ${what} is told as Lambda tells it, in its own stream`, async (t) => {
    const said: [string, string][] = [];
    const spoken: string[] = [];
    const spec = makeFunction(makeFolder(t), 'oauth2-local-task', source, { timeout_seconds: 1 });
    const functions = createFunctions({
      specs: [spec],
      environment: {},
      output: (_name, _lines, stream) => spoken.push(stream),
      platform: (_name, line, stream) => said.push([line, stream]),
      notice: () => {},
    });
    t.after(() => functions.stop());
    await functions.invoke(spec.name, '{}');
    await functions.stop();
    assert.equal(said.length, 1);
    assert.match(said[0]?.[0] ?? '', pattern);
    assert.match(said[0]?.[1] ?? '', /^\d{4}\/\d\d\/\d\d\/\[1\][0-9a-f]{32}$/);
    if (spoken.length > 0) assert.equal(spoken[0], said[0]?.[1]);
  });
