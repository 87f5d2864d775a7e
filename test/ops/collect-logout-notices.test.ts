/** The collection of logout notices. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { collectLogoutNotices, noticesAtOnce } from '../../lib/ops/collect-logout-notices.ts';
import { createClient } from '../../lib/ops/create-client.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const scheduled = { input: {}, apply: true, reason: 'scheduled', actor: 'schedule' };
const collect = () => runProcedure(collectLogoutNotices, { db: bench.operator, ...clock }, scheduled);

test('an empty outbox is nothing to do, and no entry of the audit log', async () => {
  const { outcome, result } = await collect();
  assert.deepEqual([outcome, result?.notices.length], ['succeeded', 0]);
  assert.equal((await readAuditLog(bench.operator)).rows.length, 0);
});

test('a run takes no more than fit into one asynchronous message, even with the longest URIs; the next one goes on', async () => {
  const backchannel_logout_uri = `https://client.example/${'x'.repeat(1000 - 'https://client.example/'.length)}`;
  const input = { redirect_uris: ['https://client.example/cb'], backchannel_logout_uri };
  const { result: client } = await runProcedure(
    createClient,
    { db: bench.operator, ...clock },
    { input, apply: true, reason: 'a test' },
  );
  await bench.migrator.sql`
    insert into logout_notices (client_id, subject, session_id, uri, created_at, next_attempt_at)
    select ${client?.client_id ?? ''}, gen_random_uuid(), gen_random_uuid(), ${backchannel_logout_uri}, now(), now() - interval '1 second'
    from generate_series(1, ${noticesAtOnce + 1})`;
  const first = await collect();
  assert.equal(first.result?.notices.length, noticesAtOnce);
  assert.ok(JSON.stringify(first).length < 200 * 1024);
  assert.equal((await collect()).result?.notices.length, 1);
});
