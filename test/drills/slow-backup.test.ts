/** Drill: a real dump, by a clock that runs a thousand times as fast; what it then publishes makes the alarm fire, and the run says what to do instead. */
import './metrics-environment.ts';
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { after, before, mock, test } from 'node:test';
import { backup } from '../../lib/ops/backup.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { openWorkbench, type Workbench } from '../ops/workbench.ts';
import { openAlarmDrill, type Seen } from '../support/alarm-drill.ts';
import { openBucket, type TestBucket } from '../support/backups.ts';
import { captureOutput, type Output } from '../support/output.ts';
import { recordDrill } from './record.ts';
import { assertAllFired } from './where-alarms-fire.ts';

const { assertFires, fired } = await openAlarmDrill();

let bench: Workbench;
let bucket: TestBucket;
let output: Output;
before(async () => {
  bench = await openWorkbench();
  bucket = await openBucket();
  output = captureOutput();
});
after(async () => {
  output.restore();
  await bench.stop();
  await bucket.close();
});

/** Takes a backup. @returns how long it says that it took, in seconds, and what it published */
async function take(): Promise<{ seconds: number; next: readonly string[]; seen: Seen }> {
  const { host, port, name: database } = bench.database;
  const connection = { host, port, database, user: 'oauth2_backup', tls: false, ca_file: '' };
  const tools = {
    db: bench.operator,
    now: () => new Date(),
    source: bench.connect('oauth2_backup'),
    connection,
    programs: { folder: env.OAUTH2_POSTGRES_PROGRAMS ?? '', path: env.PATH ?? '' },
    storage: bucket.storage,
    stage: 'complete',
    release: 'drill',
    beside: () => assert.fail('no other server is asked'),
  };
  output.clear();
  const ran = await runProcedure(backup, tools, { input: {}, apply: true, reason: 'drill', actor: 'schedule' });
  assert.equal(ran.outcome, 'succeeded', ran.error?.message);
  return { seconds: ran.result?.seconds ?? 0, next: ran.next ?? [], seen: { lines: output.metrics() } };
}

test('a dump that needs most of the time of its function', async () => {
  const quick = await take();
  const { now } = performance;
  // No row fewer and no program less: only what the dump measures itself by.
  const factor = Math.ceil(700 / quick.seconds) * 2;
  const fast = mock.method(performance, 'now', () => factor * now.call(performance));
  const slow = await take();
  fast.mock.restore();
  assert.ok(slow.seconds > 600, `${slow.seconds}`);
  assertFires('BackupTooSlow', 'backup', slow.seen, quick.seen);
  assert.match(slow.next.join('\n'), /it took more than 600 s of \d+: the page says what to use instead/);
  assert.doesNotMatch(quick.next.join('\n'), /the page says/);
  assertAllFired('backups', fired);
  recordDrill({
    name: 'slow-backup',
    shows:
      'a real dump, by a clock that runs faster, takes longer than ten minutes: the alarm fires, and the run says what to do instead',
    figures: fired,
  });
});
