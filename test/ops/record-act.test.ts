/** The audit entry about what the tool does with an operator's own identity. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { recordAct } from '../../lib/ops/record-act.ts';
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
const order = { input: { act: 'discard', of: letters }, apply: true, reason: 'mended', actor: 'ada@example' };
const record = (change: object = {}) => runProcedure(recordAct, { db: bench.operator, ...clock }, { ...order, ...change });

test('says who took what out, and why', async () => {
  assert.equal((await record()).outcome, 'succeeded');
  const { rows } = await readAuditLog(bench.migrator);
  assert.deepEqual(rows, [
    {
      actor: 'ada@example',
      procedure: 'record-act',
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

test('alarms that are raised for a try are named', async () => {
  const of = ['ScheduleFailed', 'FunctionMemoryHigh'].map((what) => ({ what, count: 1 }));
  assert.equal((await record({ input: { act: 'try', of }, reason: 'the quarter has begun' })).outcome, 'succeeded');
  const { rows } = await readAuditLog(bench.migrator);
  assert.deepEqual(
    rows.map(({ detail }) => detail),
    ['3 dead letters taken out', '2 alarms raised for a try'],
  );
  assert.deepEqual(rows[1]?.plan, {
    steps: of.map(({ what }) => `record that the alarm ${what} is raised for a try`),
  });
});

test('a password that is about to be replaced is named by its role', async () => {
  const of = [{ what: 'oauth2_admin', count: 1 }];
  assert.equal((await record({ input: { act: 'rotate', of }, reason: 'somebody left' })).outcome, 'succeeded');
  const { rows } = await readAuditLog(bench.migrator);
  assert.deepEqual(rows.at(-1)?.plan, { steps: ['record that RDS is told to replace the password of oauth2_admin'] });
  assert.equal(rows.at(-1)?.detail, '1 password about to be replaced');
});

test('what is no act, has no name or number, or has no reason, is refused', async () => {
  for (const wrong of [[{ what: 'a b', count: 1 }], [{ what: 'x', count: 0 }], [{ what: 'x' }], [null], 'x', undefined])
    assert.equal((await record({ input: { act: 'discard', of: wrong } })).error?.code, 'invalid_input', JSON.stringify(wrong));
  for (const act of ['', 'retry', null, undefined])
    assert.equal((await record({ input: { act, of: letters } })).error?.code, 'invalid_input', String(act));
  assert.equal((await record({ reason: undefined })).error?.code, 'reason_missing');
});
