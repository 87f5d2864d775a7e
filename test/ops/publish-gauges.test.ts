/** The gauges. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from '../../lib/ops/create-client.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { publishGauges } from '../../lib/ops/publish-gauges.ts';
import { generateKeyRing } from '../../lib/protocol/key-ring.ts';
import { recordKeyRing } from '../support/keys.ts';
import { addFamily, addToken, addUser, clock, clockAt, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

test('enabled clients and tokens that are neither expired nor revoked, by themselves or with their family, are counted', async () => {
  const tools = { db: bench.operator, ...clock };
  await runProcedure(createClient, tools, { input: { grant_types: ['client_credentials'] }, apply: true });
  const subject = await addUser(bench.migrator);
  await addToken(bench.migrator, { client_id: 'c' });
  await addToken(bench.migrator, { client_id: 'c', expires_at: new Date('2026-01-01T00:00:00.000Z') });
  await addFamily(bench.migrator, { client_id: 'c', subject });
  await addFamily(bench.migrator, { client_id: 'c', subject, revoked_at: new Date() });
  bench.output.clear();
  const { result } = await runProcedure(publishGauges, tools, { input: {}, apply: true, reason: 'scheduled', actor: 'schedule' });
  assert.deepEqual({ ...result }, { clients: 1, access_tokens: 2, signing_key_age_seconds: null });
  const blob = bench.output.metrics().find((metrics) => 'oauth_active_tokens' in metrics);
  assert.deepEqual([blob?.oauth_clients_total, blob?.oauth_active_tokens], [1, 2]);
});

test('the age of the oldest key that signs is published in seconds', async () => {
  const now = new Date('2026-06-01T00:00:00.000Z');
  await recordKeyRing(bench.operator, await generateKeyRing(), new Date(now.getTime() - 31 * 86_400_000));
  bench.output.clear();
  const { result } = await runProcedure(publishGauges, { db: bench.operator, ...clockAt(now) }, { input: {}, apply: true });
  assert.equal(result?.signing_key_age_seconds, 31 * 86_400);
  const blob = bench.output.metrics().find((metrics) => 'signing_key_age_seconds' in metrics);
  assert.equal(blob?.signing_key_age_seconds, 31 * 86_400);
});
