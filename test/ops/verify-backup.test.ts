/** Verifying a backup that cannot be verified: none, unfinished, damaged. One that can: test/drills/backup.test.ts. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import type { BackupManifest } from '../../lib/ops/backup-manifest.ts';
import type { ProgramPlace } from '../../lib/ops/postgres-programs.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { verifyBackup } from '../../lib/ops/verify-backup.ts';
import { manifestOf, openBucket, type TestBucket, writePrograms } from '../support/backups.ts';
import { captureOutput } from '../support/output.ts';
import { clock } from './workbench.ts';

const output = captureOutput();
let bucket: TestBucket;
let programs: ProgramPlace;
before(async () => {
  bucket = await openBucket();
  // It lists what a dump has that begins so, and nothing else.
  const script = 'read -r first; [ "$first" = PGDMP ] && printf ";\\n; TOC\\n1; 0 0 TABLE\\n2; 0 0 DATA\\n"';
  programs = writePrograms(join(bucket.folder, 'programs'), '17.0', { pg_restore: script });
});
after(async () => {
  output.restore();
  await bucket.close();
});

const verify = (input: object = {}) => runProcedure(verifyBackup, { ...clock, storage: bucket.storage, programs }, { input });

async function store(day: string, text: string, facts: Partial<BackupManifest> = {}): Promise<string> {
  const sha256 = createHash('sha256').update(text).digest('hex');
  const manifest = manifestOf(new Date(day), { bytes: Buffer.byteLength(text), sha256, entries: 2, ...facts });
  await bucket.storage.putDump(manifest.backup_id, 'daily', Readable.from([text]), new AbortController().signal);
  await bucket.storage.putManifest(manifest);
  return manifest.backup_id;
}

/** Longer than what a pipe holds, so that the program has ended long before all is read. */
const dump = `PGDMP\n${'x'.repeat(1_000_000)}`;

test('where there is none, it says what takes one', async () => {
  const { error } = await verify();
  assert.deepEqual([error?.code, error?.message], ['no_such_backup', 'there is no backup yet; backup takes one']);
});

test('without an id it is the newest that is verified; it is read whole', async () => {
  await store('2026-11-23T02:00:00.000Z', dump);
  const newest = await store('2026-11-24T02:00:00.000Z', `${dump}y`);
  const { outcome, result, error } = await verify();
  assert.equal(outcome, 'succeeded', error?.message);
  assert.deepEqual(
    [result?.backup_id, result?.bytes, result?.entries, result?.tables, result?.rows, result?.copy],
    [newest, dump.length + 1, 2, 1, 3, null],
  );
});

test('what is not what was written is damaged, and it says how', async () => {
  const changed = await store('2026-11-20T02:00:00.000Z', dump, { sha256: 'a'.repeat(64) });
  const { error } = await verify({ backup_id: changed });
  assert.equal(error?.code, 'backup_damaged');
  assert.match(String(error?.message), /sha256 is [0-9a-f]{64} and was a{64}\. Take another one now$/);
  const short = await store('2026-11-19T02:00:00.000Z', dump, { bytes: dump.length + 1, entries: 3 });
  const { error: cut } = await verify({ backup_id: short });
  assert.match(String(cut?.message), /bytes is \d+ and was \d+, entries is 2 and was 3/);
});

test('what pg_restore cannot list is no backup', async () => {
  const id = await store('2026-11-18T02:00:00.000Z', 'rubbish\n');
  assert.equal((await verify({ backup_id: id })).error?.code, 'program_failed');
});

test('an id of no backup, of an unfinished one, or that is no id is refused', async () => {
  const unknown = await verify({ backup_id: 'oauth2-20200101T000000Z' });
  assert.match(String(unknown.error?.message), /has no manifest, so it was never finished/);
  const none = await verify({ backup_id: '../../secret' });
  assert.equal(none.error?.code, 'invalid_input');
});
