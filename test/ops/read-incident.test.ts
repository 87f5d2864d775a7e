/** What an incident is read as: the one that is open, its steps, and the audit log of its time. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { IncidentRecord } from '../../lib/incident/record.ts';
import { writeReport } from '../../lib/incident/timeline.ts';
import { block } from '../../lib/ops/block.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { readIncident } from '../../lib/ops/read-incident.ts';
import { recordIncident } from '../../lib/ops/record-incident.ts';
import { mostActs } from '../../lib/store/incidents.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const tools = () => ({ db: bench.operator, ...clock });
const order = { apply: true, reason: 'why', actor: 'kim' };
const open = (incident_id: string) =>
  runProcedure(recordIncident, tools(), {
    ...order,
    input: { act: 'open', incident_id, severity: 'low', owner: 'kim', note: 'a test' },
  });
const read = (input: object = {}) => runProcedure(readIncident, tools(), { input });

test('without one, it says how to open one', async () => {
  assert.match((await read()).error?.message ?? '', /no incident is open: oauth2ctl incident open/);
  assert.equal((await read({ incident_id: 'nobody' })).error?.code, 'no_incident');
});

test('the one that is open needs no name; of several one has to be chosen', async () => {
  await open('first');
  assert.equal((await read()).result?.incident.incident_id, 'first');
  await open('second');
  const { error } = await read();
  assert.equal(error?.code, 'several_incidents');
  assert.match(error?.message ?? '', /--id first, --id second/);
  assert.equal((await read({ incident_id: 'second' })).result?.incident.incident_id, 'second');
});

test('the audit log of its time comes with it: what belongs to it is marked, schedules that went well are left out', async () => {
  const input = { address: '203.0.113.1', why: 'test' };
  await runProcedure(block, tools(), { ...order, incident: 'first', input });
  await runProcedure(block, tools(), { ...order, input });
  await runProcedure(block, tools(), { ...order, actor: 'schedule', input });
  const { result } = await read({ incident_id: 'first', audited: true });
  assert.deepEqual(
    result?.audited.map(({ procedure, incident_id }) => [procedure, incident_id]),
    [
      ['block', 'first'],
      ['block', null],
    ],
  );
  assert.deepEqual((await read({ incident_id: 'first' })).result?.audited, []);
});

test('of more than an answer has room for it is the newest that come, and that says so', async () => {
  await bench.migrator.sql`
    insert into audit_log (at, actor, procedure, outcome, detail)
    select now() - make_interval(secs => (${mostActs}::integer - n) / 10), 'kim', 'block', 'succeeded', n::text from generate_series(1, ${mostActs}::integer) as n`;
  const { result } = await read({ incident_id: 'first', audited: true });
  assert.equal(result?.shortened, true);
  assert.equal(result?.audited.length, mostActs);
  assert.equal(result?.audited.at(-1)?.detail, String(mostActs));
  const record = JSON.parse(JSON.stringify(result)) as IncidentRecord;
  assert.match(writeReport(record, [], '–'), /Audit log: its newest 5000 entries; `oauth2ctl audit-log --since \S+` has all/);
  assert.doesNotMatch(writeReport({ ...record, shortened: false }, [], '–'), /newest/);
});
