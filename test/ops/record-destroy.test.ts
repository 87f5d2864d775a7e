/** The audit entry about a stage that is about to be removed. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { recordDestroy } from '../../lib/ops/record-destroy.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const input = { stacks: ['oauth2-dev-api', 'oauth2-dev-ops'], backup_id: 'oauth2-20260101T020000Z' };
const order = { input, apply: true, reason: 'the trial is over', actor: 'ada@example' };
const record = (change: object = {}) => runProcedure(recordDestroy, { db: bench.operator, ...clock }, { ...order, ...change });

test('says who removes which stacks, why, and which backup is relied on', async () => {
  assert.equal((await record()).outcome, 'succeeded');
  const { rows } = await readAuditLog(bench.migrator);
  assert.deepEqual(rows, [
    {
      actor: 'ada@example',
      procedure: 'record-destroy',
      reason: 'the trial is over',
      plan: {
        steps: [
          'record that oauth2-dev-api is deleted',
          'record that oauth2-dev-ops is deleted',
          'record that oauth2-20260101T020000Z is relied on',
        ],
      },
      outcome: 'succeeded',
      detail: '2 stacks are about to be deleted',
    },
  ]);
});

test('what is no stack of ours, and what has no reason, is refused', async () => {
  for (const stacks of [['another'], 'oauth2-dev-api', undefined])
    assert.equal((await record({ input: { stacks } })).error?.code, 'invalid_input');
  assert.equal((await record({ reason: undefined })).error?.code, 'reason_missing');
});
