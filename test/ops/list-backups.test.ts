/** The list of the backups, from their manifests in the bucket. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { type BackupManifest, backupIdOf } from '../../lib/ops/backup-manifest.ts';
import { openBackupStorage } from '../../lib/ops/backup-storage.ts';
import { listBackups } from '../../lib/ops/list-backups.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { manifestOf, openBucket, type TestBucket } from '../support/backups.ts';
import { captureOutput } from '../support/output.ts';
import { clock } from './workbench.ts';

const output = captureOutput();
let bucket: TestBucket;
before(async () => {
  bucket = await openBucket();
});
after(async () => {
  output.restore();
  await bucket.close();
});

const list = (storage = bucket.storage) => runProcedure(listBackups, { ...clock, storage }, { input: {} });

async function store(manifest: BackupManifest): Promise<void> {
  const { signal } = new AbortController();
  await bucket.storage.putDump(manifest.backup_id, manifest.kind, Readable.from(['dump']), signal);
  await bucket.storage.putManifest(manifest);
}

test('an empty bucket has none', async () => {
  assert.deepEqual((await list()).result, { backups: [], unfinished: [] });
});

test('the newest comes first, each with the head of its manifest; more than are read at once; what has no manifest is none', async () => {
  const days = Array.from({ length: 20 }, (_, day) => new Date(Date.UTC(2026, 9, 20 + day, 2)));
  for (const day of days) await store(manifestOf(day, { kind: day.getUTCDate() === 1 ? 'monthly' : 'daily' }));
  const cut = backupIdOf(new Date('2026-11-25T02:00:00.000Z'));
  await bucket.storage.putDump(cut, 'daily', Readable.from(['du']), new AbortController().signal);
  const { outcome, result } = await list();
  assert.equal(outcome, 'succeeded');
  assert.deepEqual(
    result?.backups.map(({ backup_id }) => backup_id),
    days.map(backupIdOf).toReversed(),
  );
  assert.deepEqual(result?.unfinished, [cut]);
  const { tables, ...head } = manifestOf(days[19] as Date);
  assert.deepEqual(result?.backups[0], { ...head, rows: 3 });
});

test('a bucket that is away, or is none, is told without a stack, and nothing is said of it to the client but that', async () => {
  const storage = openBackupStorage({ ...bucket.settings, bucket: 'none' }, clock.now);
  const { error } = await list(storage);
  assert.equal(error?.code, 'temporarily_unavailable');
  assert.match(String(error?.message), /^The bucket of the backups is not available\./);
});
