/** The record of logout deliveries. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { recordLogoutDeliveries } from '../../lib/ops/record-logout-deliveries.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const record = (deliveries: unknown) =>
  runProcedure(recordLogoutDeliveries, { db: bench.operator, ...clock }, { input: { deliveries }, apply: true });

test('what was delivered is marked, what failed waits, and what failed five times is given up', async () => {
  const rows = await bench.migrator.sql<{ notice_id: string }[]>`
    insert into logout_notices (client_id, subject, session_id, uri, created_at, next_attempt_at, attempts)
    select 'c', gen_random_uuid(), gen_random_uuid(), 'https://client.example/', now(), now(), attempts from unnest(array[1, 1, 5]) as attempts
    returning notice_id`;
  const deliveries = rows.map(({ notice_id }, at) => ({ notice_id, delivered: at === 0 }));
  const { result } = await record(deliveries);
  assert.deepEqual({ ...result }, { delivered: 1, gave_up: 1 });
  const states = await bench.migrator.sql`
    select delivered_at is not null as delivered, gave_up_at is not null as gave_up from logout_notices order by 1 desc, 2`;
  assert.deepEqual(
    states.map((row) => ({ ...row })),
    [
      { delivered: true, gave_up: false },
      { delivered: false, gave_up: false },
      { delivered: false, gave_up: true },
    ],
  );
});

test('nothing delivered is nothing to record', async () => {
  assert.deepEqual((await record([])).result, { delivered: 0, gave_up: 0 });
});

test('what is no list of deliveries is refused', async () => {
  for (const wrong of [undefined, {}, [{ notice_id: "x'", delivered: true }], [{ notice_id: crypto.randomUUID() }]])
    assert.equal((await record(wrong)).error?.code, 'invalid_input');
});
