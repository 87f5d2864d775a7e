/** The audit log as an operator reads it: by time, by who it was, by what was done and for which incident, page by page. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AuditLogInput, type AuditLogPage, auditLog } from '../../lib/ops/audit-log.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { clockAt, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
const noon = '2026-05-10T12:00:00.000Z';
before(async () => {
  bench = await openWorkbench();
  await bench.migrator.sql`delete from audit_log`;
  await bench.migrator.sql`
    insert into audit_log (at, actor, procedure, reason, plan, outcome, detail, incident_id)
    select ${noon}::timestamptz - make_interval(hours => 48 - n),
      case when n % 3 = 0 then 'kim@laptop' when n % 3 = 1 then 'arn:aws:iam::1:user/op' else 'schedule' end,
      case when n % 2 = 0 then 'block' else 'purge-expired' end, 'reason ' || n, jsonb_build_object('steps', jsonb_build_array('step ' || n)),
      case when n % 5 = 0 then 'failed' else 'succeeded' end, 'detail ' || n, case when n = 47 then 'leak' end
    from generate_series(1, 48) as n`;
});
after(() => bench.stop());

async function read(input: AuditLogInput = {}): Promise<AuditLogPage> {
  const { result, error } = await runProcedure(auditLog, { db: bench.operator, ...clockAt(noon) }, { input });
  assert.equal(error, undefined);
  return result as AuditLogPage;
}
const reasons = async (input: AuditLogInput) => (await read(input)).entries.map(({ reason }) => Number(reason?.split(' ')[1]));

test('without anything said it is the last day, oldest first, each with its plan, its outcome and its incident', async () => {
  const { entries } = await read();
  assert.equal(entries.length, 25);
  const { audit_id: _id, ...last } = entries.at(-2) ?? assert.fail('there is none');
  assert.deepEqual(last, {
    at: new Date('2026-05-10T11:00:00.000Z'),
    actor: 'schedule',
    procedure: 'purge-expired',
    reason: 'reason 47',
    plan: { steps: ['step 47'] },
    outcome: 'succeeded',
    detail: 'detail 47',
    incident_id: 'leak',
  });
});

test('by time, actor, procedure, incident, and without what nobody did', async () => {
  assert.deepEqual(await reasons({ since: '2026-05-10T09:00:00Z', until: '2026-05-10T10:00:00Z' }), [45, 46]);
  assert.deepEqual(await reasons({ actor: 'kim@laptop', procedure: 'block' }), [24, 30, 36, 42, 48]);
  assert.deepEqual(await reasons({ incident: 'leak' }), [47]);
  assert.ok((await read({ operators: true })).entries.every(({ actor }) => actor !== 'schedule'));
  assert.deepEqual(await reasons({ actor: "x' or true --" }), []);
});

test('pages follow each other without gap or repetition', async () => {
  const seen: number[] = [];
  let after: string | undefined;
  do {
    const page = await read({ since: '2026-05-01T00:00:00Z', limit: 7, ...(after && { after }) });
    seen.push(...page.entries.map(({ reason }) => Number(reason?.split(' ')[1])));
    after = page.next_after;
  } while (after !== undefined);
  assert.deepEqual(
    seen,
    Array.from({ length: 48 }, (_, index) => index + 1),
  );
});

test('what it is asked is checked', async () => {
  const { error } = await runProcedure(auditLog, { db: bench.operator, ...clockAt(noon) }, { input: { since: 'yesterday' } });
  assert.match(String(error?.message), /since is "yesterday"; allowed: an instant/);
});
