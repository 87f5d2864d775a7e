/** A restore that goes on without its safety backup: the audit log and the database that is kept bear the reason. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { type RestoreStep, restoreStep, type StepDone } from '../../lib/ops/restore-step.ts';
import { listKept } from '../../lib/ops/swap-databases.ts';
import { openDatabase } from '../../lib/store/database.ts';
import { backupId, openRestoreBench, type RestoreBench } from '../support/restores.ts';
import { readAuditLog } from './workbench.ts';

let bench: RestoreBench;
before(async () => {
  bench = await openRestoreBench();
});
after(() => bench.stop());

const orderOf = (step: RestoreStep, more: object) => ({
  input: { step, run: 'unsaved', backup_id: backupId, ...more },
  apply: true,
  reason: 'drill',
});

async function take(step: RestoreStep, more: object = {}): Promise<StepDone> {
  const { result, error } = await runProcedure(restoreStep, bench.tools, orderOf(step, more));
  assert.equal(error, undefined);
  return result as StepDone;
}

const why = "backup: permission denied for table it's";
const cause = JSON.stringify({ errorType: 'not_readable', errorMessage: why });

test('the reason is in the audit log and at the database that is kept, until one that has a backup takes its place', async () => {
  const { live, former } = await bench.copy('unsaved');
  const kept = () => listKept(bench.tools, live);
  const lastEntry = async () => (await readAuditLog(bench.open(live))).rows.at(-1)?.detail;
  const entry = `of ${backupId}: no safety backup: ${why}; the database of before is kept as ${former}`;
  assert.equal((await take('go-without', { cause })).unsaved, why);
  assert.equal(await lastEntry(), `go-without ${entry}`);
  await take('swap');
  assert.deepEqual(await kept(), [{ name: former, unsaved: why }], 'cut off here, it is noted already');
  await take('finish', { safety: { unsaved: why } });
  assert.equal(await lastEntry(), `finish ${entry}`);
  assert.deepEqual(await kept(), [{ name: former, unsaved: why }]);
  await take('finish', { safety: { backup_id: backupId } });
  assert.deepEqual(await kept(), [{ name: former, unsaved: undefined }]);
  await take('take-back');
});

test('a database that does not answer is not restored over', async () => {
  const { host } = bench.database;
  const settings = { host, port: 9, database: 'none', user: 'oauth2_migrator', tls: false, prepare: false, connections: 1 };
  const db = openDatabase(settings);
  const { error } = await runProcedure(restoreStep, { ...bench.tools, db }, orderOf('go-without', { cause }));
  assert.equal(error?.code, 'temporarily_unavailable');
  await db.end();
});
