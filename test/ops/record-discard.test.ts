/** The audit entry about dead letters that are taken out of their queues. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { recordDiscard } from '../../lib/ops/record-discard.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const letters = [
  { what: 'publish-gauges', count: 2 },
  { what: 'user_logout', count: 1 },
];
const order = { input: { letters }, apply: true, reason: 'mended', actor: 'ada@example' };
const record = (change: object = {}) => runProcedure(recordDiscard, { db: bench.operator, ...clock }, { ...order, ...change });

test('says who took what out, and why', async () => {
  assert.equal((await record()).outcome, 'succeeded');
  const { rows } = await readAuditLog(bench.migrator);
  assert.deepEqual(rows, [
    {
      actor: 'ada@example',
      procedure: 'record-discard',
      reason: 'mended',
      plan: {
        steps: [
          'record that 2 dead letters of publish-gauges are taken out',
          'record that 1 dead letter of user_logout is taken out',
        ],
      },
      outcome: 'succeeded',
      detail: '3 dead letters taken out',
    },
  ]);
});

test('what has no name or no number, and what has no reason, is refused', async () => {
  for (const wrong of [[{ what: 'a b', count: 1 }], [{ what: 'x', count: 0 }], [{ what: 'x' }], [null], 'x', undefined])
    assert.equal((await record({ input: { letters: wrong } })).error?.code, 'invalid_input', JSON.stringify(wrong));
  assert.equal((await record({ reason: undefined })).error?.code, 'reason_missing');
});
