/** Drills of a restore, where they cannot succeed. What they are when they can: test/drills/restore.test.ts. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { missedGoals, restoreDrill } from '../../lib/ops/restore-drill.ts';
import { backupId, openRestoreBench, type RestoreBench } from '../support/restores.ts';
import { readAuditLog } from './workbench.ts';

let bench: RestoreBench;
before(async () => {
  bench = await openRestoreBench();
});
after(() => bench.stop());

const goals = { recovery_time_seconds: 600, recovery_point_seconds: 93_600 };
const run = (order: object) =>
  runProcedure(restoreDrill, { ...bench.tools, goals }, { input: {}, reason: 'drill', actor: 'test', ...order });

test('the plan names the newest backup and changes nothing', async () => {
  const { outcome, plan } = await run({});
  assert.equal(outcome, 'planned');
  assert.match(plan.steps.join(), new RegExp(`load ${backupId} into a database of its own`));
  assert.deepEqual(await bench.databases(), [bench.tools.live]);
});

test('one that fails says why, leaves no database and is in the audit log', async () => {
  const { error } = await run({ apply: true });
  assert.equal(error?.code, 'programs_missing');
  assert.deepEqual(await bench.databases(), [bench.tools.live]);
  const { rows } = await readAuditLog(bench.migrator);
  assert.deepEqual([rows.at(-1)?.procedure, rows.at(-1)?.outcome], ['restore-drill', 'failed']);
});

test('a backup that a newer release made is refused before anything is done', async () => {
  const newer = {
    ...(await bench.bucket.storage.readManifest(backupId)),
    backup_id: 'oauth2-20260201T020000Z',
    schema_version: '9999',
  };
  await bench.bucket.storage.putManifest(newer as never);
  const { error } = await run({ apply: true, input: { backup_id: newer.backup_id } });
  assert.equal(error?.code, 'newer_schema');
  assert.match(String(error?.message), /has migration 9999, this release knows \d+/);
});

test('goals of time and of age are held, each by itself', () => {
  assert.deepEqual(missedGoals(goals, goals), []);
  assert.match(missedGoals({ ...goals, recovery_time_seconds: 601 }, goals).join(), /^took 601 s; the goal is 600 s$/);
  assert.match(
    missedGoals({ ...goals, recovery_point_seconds: 93_601 }, goals).join(),
    /^the newest backup is 93601 s old; the goal is 93600 s$/,
  );
});

test('a backup that there is not is named', async () => {
  const { error } = await run({ apply: true, input: { backup_id: 'oauth2-20200101T000000Z' } });
  assert.equal(error?.code, 'no_such_backup');
});
