/** The record of an incident: what it takes, that phases never go back, and that a step that is run again is one. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { recordIncident } from '../../lib/ops/record-incident.ts';
import { listIncidents, listSteps } from '../../lib/store/incidents.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const incident_id = 'case-1';
const run = (input: object) =>
  runProcedure(
    recordIncident,
    { db: bench.operator, ...clock },
    { input: { incident_id, ...input }, apply: true, reason: 'why', actor: 'kim', incident: incident_id },
  );
const opening = { act: 'open', severity: 'high', owner: 'kim', note: 'a secret is public' };
const begin = (phase: string, step: string) => run({ act: 'begin', phase, step, actor: 'kim', reason: 'why' });

test('it is opened once, and every entry of the audit log carries its id', async () => {
  assert.equal((await run(opening)).outcome, 'succeeded');
  assert.equal((await run(opening)).error?.code, 'exists');
  const rows = await bench.migrator.sql`select incident_id, detail from audit_log order by audit_id`;
  assert.deepEqual({ ...rows[0] }, { incident_id, detail: 'case-1: open' });
});

test('a step is under way until it ended; run again it is still one, and the phase only goes forward', async () => {
  await begin('eradicate', 'rotate signing keys');
  assert.equal((await listSteps(bench.operator, incident_id))[0]?.outcome, 'under way');
  await begin('eradicate', 'rotate signing keys');
  await run({ act: 'end', step: 'rotate signing keys', outcome: 'done', detail: { keys: 4 } });
  await begin('contain', 'block demo');
  const steps = await listSteps(bench.operator, incident_id);
  assert.deepEqual(
    steps.map(({ step, outcome, detail }) => [step, outcome, detail]),
    [
      ['rotate signing keys', 'done', { keys: 4 }],
      ['block demo', 'under way', {}],
    ],
  );
  assert.equal((await listIncidents(bench.operator, incident_id))[0]?.phase, 'eradicate');
});

test('it is closed once and for all', async () => {
  await run({ act: 'close' });
  const [first] = await listIncidents(bench.operator, incident_id);
  await run({ act: 'close' });
  const [second] = await listIncidents(bench.operator, incident_id);
  assert.equal(first?.phase, 'closed');
  assert.deepEqual(first?.closed_at, second?.closed_at);
  assert.equal((await listIncidents(bench.operator)).length, 0);
});

for (const [what, input, code] of [
  ['an unknown act', { act: 'forget' }, 'invalid_input'],
  ['no owner', { ...opening, owner: undefined }, 'invalid_input'],
  ['an id of another form', { ...opening, incident_id: 'a b' }, 'invalid_input'],
  ['an end of what never began', { act: 'end', step: 'nothing', outcome: 'done' }, 'not_found'],
  ['the end of an incident that is not there', { act: 'close', incident_id: 'other' }, 'not_found'],
  ['evidence that is no object', { act: 'end', step: 'x', outcome: 'done', detail: 'text' }, 'invalid_input'],
] as const)
  test(`${what} is refused`, async () => {
    assert.equal((await run(input)).error?.code, code);
  });
