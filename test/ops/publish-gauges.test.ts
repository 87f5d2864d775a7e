/** The gauges. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClient } from '../../lib/ops/create-client.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { publishGauges } from '../../lib/ops/publish-gauges.ts';
import { generateKeyRing } from '../../lib/protocol/key-ring.ts';
import { recordKeyRing } from '../support/keys.ts';
import { whileLocked } from '../support/many-rows.ts';
import { addFamily, addToken, addUser, clock, clockAt, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

test('enabled clients and tokens that are neither expired nor revoked, by themselves or with their family, are counted', async () => {
  const tools = { db: bench.operator, ...clock };
  await runProcedure(createClient, tools, { input: { grant_types: ['client_credentials'] }, apply: true, reason: 'a test' });
  const subject = await addUser(bench.migrator);
  await addToken(bench.migrator, { client_id: 'c' });
  await addToken(bench.migrator, { client_id: 'c', expires_at: new Date('2026-01-01T00:00:00.000Z') });
  await addFamily(bench.migrator, { client_id: 'c', subject });
  await addFamily(bench.migrator, { client_id: 'c', subject, revoked_at: new Date() });
  bench.output.clear();
  const { result } = await runProcedure(publishGauges, tools, { input: {}, apply: true, reason: 'scheduled', actor: 'schedule' });
  const { backup_age_seconds: _age, restore_drill_age_seconds: _drill, ...counted } = result ?? {};
  assert.deepEqual(counted, { clients: 1, access_tokens: 2, signing_key_age_seconds: null });
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

test('without a backup the schema is as old as what is not backed up; then the last one that succeeded counts, and none that failed', async () => {
  const age = async (now: Date) => {
    bench.output.clear();
    const { result } = await runProcedure(publishGauges, { db: bench.operator, ...clockAt(now) }, { input: {}, apply: true });
    const blob = bench.output.metrics().find((metrics) => 'backup_age_seconds' in metrics);
    assert.equal(blob?.backup_age_seconds, result?.backup_age_seconds);
    return result?.backup_age_seconds;
  };
  await bench.migrator.sql`update flyway_schema_history set installed_on = '2026-05-01 00:00:00'`;
  assert.equal(await age(new Date('2026-05-02T03:00:00.000Z')), 27 * 3600);
  await bench.migrator.sql`
    insert into audit_log (at, actor, procedure, outcome) values
      ('2026-05-03T02:00:00Z', 'schedule', 'backup', 'succeeded'), ('2026-05-04T02:00:00Z', 'schedule', 'backup', 'failed')`;
  assert.equal(await age(new Date('2026-05-04T04:30:00.000Z')), 26.5 * 3600);
});

test('a drill of a restore is as old as the last one that succeeded, and else as the schema', async () => {
  const age = async (now: Date) => {
    const { result } = await runProcedure(publishGauges, { db: bench.operator, ...clockAt(now) }, { input: {}, apply: true });
    return (result?.restore_drill_age_seconds ?? 0) / 86_400;
  };
  assert.equal(await age(new Date('2026-05-31T00:00:00.000Z')), 30);
  await bench.migrator.sql`
    insert into audit_log (at, actor, procedure, outcome) values
      ('2026-06-02T04:00:00Z', 'schedule', 'restore-drill', 'succeeded'), ('2026-07-02T04:00:00Z', 'schedule', 'restore-drill', 'failed')`;
  assert.equal(await age(new Date('2026-07-08T04:00:00.000Z')), 36);
});

test('where the families are too many to be counted in time, tokens are counted without asking for them', async () => {
  const hurried = bench.connect('oauth2_operator');
  await hurried.sql`set statement_timeout = '100ms'`;
  bench.output.clear();
  const { outcome, result } = await whileLocked(bench.connect('oauth2_migrator'), 'token_families', () =>
    runProcedure(publishGauges, { db: hurried, ...clock }, { input: {}, apply: true }),
  );
  // That of the family which is revoked is among them.
  assert.deepEqual([outcome, result?.clients, result?.access_tokens], ['succeeded', 1, 3]);
  const blob = bench.output.metrics().find((metrics) => 'oauth_active_tokens' in metrics);
  assert.equal(blob?.oauth_active_tokens, 3);
});

test('where nothing can be counted in time, no number is published, and the run succeeds', async () => {
  const hurried = bench.connect('oauth2_operator');
  await hurried.sql`set statement_timeout = '100ms'`;
  bench.output.clear();
  const { outcome, result } = await whileLocked(bench.connect('oauth2_migrator'), 'access_tokens, clients', () =>
    runProcedure(publishGauges, { db: hurried, ...clock }, { input: {}, apply: true }),
  );
  assert.deepEqual([outcome, result?.clients, result?.access_tokens], ['succeeded', null, null]);
  assert.ok(
    bench.output.metrics().every((metrics) => !('oauth_active_tokens' in metrics) && !('oauth_clients_total' in metrics)),
  );
});

test('a count that fails leaves the ages published', async () => {
  await bench.migrator.sql`revoke select on access_tokens from oauth2_operator`;
  bench.output.clear();
  const { outcome } = await runProcedure(publishGauges, { db: bench.operator, ...clock }, { input: {}, apply: true });
  await bench.migrator.sql`grant select on access_tokens to oauth2_operator`;
  assert.equal(outcome, 'failed');
  const blob = bench.output.metrics().find((metrics) => 'signing_key_age_seconds' in metrics);
  assert.ok(blob && 'backup_age_seconds' in blob && 'restore_drill_age_seconds' in blob);
});
