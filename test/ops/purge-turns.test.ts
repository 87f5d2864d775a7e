/** Runs of a purge that are cut short: together they reach the end of every table, and what stays for too long is told. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { purgeExpired } from '../../lib/ops/purge-expired.ts';
import { status } from '../../lib/ops/status.ts';
import { listOverduePurges } from '../../lib/store/purge-places.ts';
import { clockAt, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const noon = new Date('2026-05-10T12:00:00.000Z');
const later = (hours: number) => new Date(noon.getTime() + hours * 3_600_000);

/** A run that has no time takes one step in each table. */
async function runShortly(now = noon) {
  const tools = { db: bench.migrator, ...clockAt(now), longest_run_ms: 0 };
  const { result, error } = await runProcedure(purgeExpired, tools, { apply: true, reason: 'scheduled', actor: 'schedule' });
  assert.equal(error, undefined);
  return result as NonNullable<typeof result>;
}

/** Families of which those behind a number have expired. */
const addFamilies = (count: number, good: number) => bench.migrator.sql`
  insert into token_families (family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, offline, issued_at, expires_at,
    refresh_hash, refresh_expires_at)
  select gen_random_uuid(), repeat('c', 400), gen_random_uuid(), gen_random_uuid(), 'openid', '{}', ${noon}, '{pwd}', true, ${noon}, e, '\\x01', e
  from (select case when n <= ${good}::integer then ${later(1)}::timestamptz else ${later(-72)}::timestamptz end as e
    from generate_series(1, ${count}::integer) as n) as f`;

test('runs that are too short for a table go on where the one before stopped, and no table behind it waits for its end', async () => {
  const { sql } = bench.migrator;
  await addFamilies(10_000, 9900);
  const [size] = await sql<{ steps: number }[]>`select ceil(pg_relation_size('token_families') / 8192 / 512.0)::integer as steps`;
  assert.equal(size?.steps, 3);
  await sql`insert into throttles (bucket, failures, resets_at)
    select decode(lpad(to_hex(n), 8, '0'), 'hex'), 1, ${later(-1)} from generate_series(1, 2500) as n`;
  await sql`insert into metric_batches values ('\\x01', ${later(-240)}, ${later(-240)}, '{1}')`;
  const runs = [await runShortly(), await runShortly(), await runShortly()];
  assert.deepEqual(
    runs.map(({ deleted }) => [deleted.token_families, deleted.throttles, deleted.metric_batches]),
    [
      [0, 1000, 1],
      [0, 1000, 0],
      [100, 500, 0],
    ],
  );
  assert.equal(runs[0]?.finished, false);
  // From there on it begins anew.
  const [place] = await sql`select next_block from purges where table_name = 'token_families'`;
  assert.equal(place?.next_block, 0);
});

test('with time enough one run reads a table once around, from wherever the one before stopped', async () => {
  await addFamilies(9000, 8900);
  await bench.migrator.sql`update purges set next_block = 512 where table_name = 'token_families'`;
  const answer = await runProcedure(
    purgeExpired,
    { db: bench.migrator, ...clockAt(noon) },
    { apply: true, reason: 'scheduled', actor: 'schedule' },
  );
  assert.deepEqual([answer.result?.deleted.token_families, answer.result?.finished], [100, true]);
});

test('what was not read to its end for a day is told, by status too; what a short run finishes is not', async () => {
  const { sql } = bench.migrator;
  await sql`delete from purges`;
  await runShortly(later(48));
  assert.deepEqual(await listOverduePurges(bench.operator), []);
  await sql`update purges set next_block = 0 where table_name = 'token_families'`;
  await runShortly(later(73));
  assert.deepEqual(await listOverduePurges(bench.operator), ['token_families']);
  const tools = {
    db: bench.operator,
    ...clockAt(later(73)),
    stage: 't',
    issuer: 'i',
    release: 'r',
    version: 'v',
    schema_version: 1,
  };
  const { result } = await runProcedure(status, { ...tools, secret_id: 's', readKeyRing: async () => undefined }, {});
  assert.ok(
    result?.problems.includes('what has expired in token_families was not all purged for more than a day: run purge-expired'),
    JSON.stringify(result?.problems),
  );
});
