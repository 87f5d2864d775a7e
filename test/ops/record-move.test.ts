/** The audit entry about a release that was put in place. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { recordMove } from '../../lib/ops/record-move.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const input = { to: 4, from: 5, outcome: 'done', id: '20261123T182011123Z', functions: 26 };
const order = { input, apply: true, reason: 'it answers slowly', actor: 'ada@example' };

test('says who moved how many aliases from which release to which, why, and how it ended', async () => {
  const { outcome } = await runProcedure(recordMove, { db: bench.operator, ...clock }, order);
  assert.equal(outcome, 'succeeded');
  const { rows } = await readAuditLog(bench.migrator);
  assert.deepEqual(rows, [
    {
      actor: 'ada@example',
      procedure: 'record-move',
      reason: 'it answers slowly',
      plan: { steps: ['record that the aliases of 26 functions were moved from release 5 to 4 (done, 20261123T182011123Z)'] },
      outcome: 'succeeded',
      detail: 'release 4: done',
    },
  ]);
});

test('a move from a state that no release has is recorded, too', async () => {
  const { from: _none, ...rest } = input;
  const { outcome, plan } = await runProcedure(recordMove, { db: bench.operator, ...clock }, { ...order, input: rest });
  assert.deepEqual([outcome, plan.steps.length], ['succeeded', 1]);
});

for (const [what, change] of [
  ['no number', { to: undefined }],
  ['another outcome', { outcome: 'well' }],
  ['an id of another form', { id: 'x' }],
] as const)
  test(`${what} is refused`, async () => {
    const { error } = await runProcedure(
      recordMove,
      { db: bench.operator, ...clock },
      { ...order, input: { ...input, ...change } },
    );
    assert.equal(error?.code, 'invalid_input');
  });
