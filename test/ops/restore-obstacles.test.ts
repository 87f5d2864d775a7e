/** What stands in the way of a restore's step: too little time, leftovers of another run, no program, no backup. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { restoreStep } from '../../lib/ops/restore-step.ts';
import { attemptStep, backupId, openRestoreBench, type RestoreBench, takeStep } from '../support/restores.ts';

let bench: RestoreBench;
before(async () => {
  bench = await openRestoreBench();
});
after(() => bench.stop());

test('a revocation that takes longer than its function may is given up and says so', async () => {
  await bench.copy('slow');
  const input = { step: 'revoke', run: 'slow', backup_id: backupId };
  const { error } = await runProcedure(restoreStep, { ...bench.tools, limit_ms: 1 }, { input, apply: true, reason: 'r' });
  assert.deepEqual([error?.code, error?.message], ['too_slow', 'ending what was revoked took longer than 0.001 s']);
  await takeStep(bench, 'take-back', 'slow');
});

test('what restores that were cut off have left is removed by the next one', async () => {
  await bench.copy('leftover');
  assert.equal((await attemptStep(bench, 'load', 'next')).error?.code, 'programs_missing');
  assert.deepEqual(await bench.databases(), [bench.tools.live]);
});

test('without pg_restore one line says what to install; an unknown backup is named', async () => {
  assert.match(
    String((await attemptStep(bench, 'load', 'none')).error?.message),
    /there is no pg_restore on the PATH \(\/nowhere\)/,
  );
  const input = { step: 'load', run: 'none', backup_id: 'oauth2-20200101T000000Z' };
  const { error } = await runProcedure(restoreStep, bench.tools, { input, apply: true, reason: 'r' });
  assert.equal(error?.code, 'no_such_backup');
});
