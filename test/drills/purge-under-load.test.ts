/** Drill: a million expired tokens are purged while tokens are issued without a pause; what a request may wait for is looked at in the database itself. */
import './metrics-environment.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import postgres from 'postgres';
import type { Purged } from '../../lib/ops/purge-expired.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { partitionName } from '../../lib/store/partitions.ts';
import { makeTestClient, type TestClient } from '../support/accounts.ts';
import { startLoad } from '../support/constant-load.ts';
import { postForm } from '../support/flow.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { recordDrill } from './record.ts';

/** Of a day each; they leave with their partition. */
const inPartitions = 800_000;
/** As where no purge has run for two weeks; they leave row by row. */
const inDefault = 200_000;
const dayMs = 86_400_000;
/** What a change of the table's shape waits for its lock, and so what a request may wait behind it, with time to spare for a busy machine; milliseconds. */
const longestWaitMs = 1000;

let server: TestServer;
let client: TestClient;
let operator: Database;
before(async () => {
  server = await startServer();
  client = await makeTestClient(server);
  const { host, port, name: database } = server.database;
  operator = openDatabase({ host, port, database, user: 'oauth2_migrator', tls: false, prepare: false, connections: 1 });
});
after(async () => {
  await operator.end();
  await server.stop();
});

async function addExpiredTokens(): Promise<void> {
  const { sql } = server.db;
  for (const back of [2, 3]) {
    const day = new Date(Math.floor(Date.now() / dayMs) * dayMs - back * dayMs);
    const to = new Date(day.getTime() + dayMs);
    const name = partitionName(day);
    const bounds = `from ('${day.toISOString()}') to ('${to.toISOString()}')`;
    await sql.unsafe(`create table ${name} partition of access_tokens for values ${bounds}`);
    await fill(day, inPartitions / 2);
  }
  await fill(new Date(Date.now() - 40 * dayMs), inDefault);
}

const fill = (expired: Date, count: number) => server.db.sql`
  insert into access_tokens (jti, expires_at, issued_at, client_id)
  select gen_random_uuid(), ${expired}, ${expired}::timestamptz - interval '15 minutes', ${client.client_id}
  from generate_series(1, ${count}::integer)`;

/** What the requests of the server wait for in the database, looked at every few milliseconds. */
function watchWaits() {
  const admin = postgres(server.database.url, { max: 1, fetch_types: false });
  let ended = false;
  let [looks, blocked, longest] = [0, 0, 0];
  const running = (async () => {
    for (; !ended; looks++) {
      const rows = await admin<{ waited: number }[]>`
        select (extract(epoch from clock_timestamp() - query_start) * 1000)::float8 as waited from pg_stat_activity
        where datname = current_database() and usename = 'oauth2_api' and state = 'active' and wait_event_type = 'Lock'`;
      blocked += rows.length;
      longest = Math.max(longest, ...rows.map(({ waited }) => waited));
      await pause(5);
    }
  })();
  return {
    end: async () => {
      ended = true;
      await running;
      await admin.end();
      return { looks, blocked, longest };
    },
  };
}

const at = (sorted: readonly number[], share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;

test('issuing goes on while a million expired tokens leave: nobody is refused, and nobody waits for the purge longer than its lock may take', async () => {
  const { runProcedure } = await import('../../lib/ops/procedure.ts');
  const { purgeExpired } = await import('../../lib/ops/purge-expired.ts');
  await addExpiredTokens();
  let latencies: number[] = [];
  const issue = async () => {
    const started = performance.now();
    const { status } = await postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
    latencies.push(performance.now() - started);
    assert.equal(status, 200);
    // At its limit a machine of two processors would show who gets them, not who waits for whom.
    await pause(5);
  };
  const load = startLoad([issue, issue]);
  const take = () => {
    const taken = latencies.toSorted((a, b) => a - b);
    latencies = [];
    return taken;
  };
  await load.more(200);
  take();
  await load.more(500);
  const quietBefore = take();
  const waits = watchWaits();
  const began = performance.now();
  const answer = await runProcedure(purgeExpired, { db: operator, now: () => new Date() }, { apply: true, actor: 'schedule' });
  const took = performance.now() - began;
  const purging = take();
  const seen = await waits.end();
  take();
  await load.more(500);
  const quietAfter = take();
  await load.end();
  assert.deepEqual(load.failures, []);

  assert.equal(answer.outcome, 'succeeded', JSON.stringify(answer));
  const purged = answer.result as Purged;
  assert.deepEqual(
    [purged.finished, purged.dropped_partitions.length, purged.deleted.access_tokens_default],
    [true, 2, inDefault],
  );
  const [left] = await server.db.sql<{ count: number }[]>`
    select count(*)::integer as count from access_tokens where expires_at < now()`;
  assert.equal(left?.count, 0);
  assert.ok(seen.looks > 20 && purging.length > 20, 'nothing was issued, or nobody looked, while the purge ran');
  assert.ok(seen.longest < longestWaitMs, `a request waited ${seen.longest} ms for a lock`);

  const quiet = [...quietBefore, ...quietAfter].toSorted((a, b) => a - b);
  const ratio = (share: number) => Math.round((100 * at(purging, share)) / at(quiet, share)) / 100;
  const ms = (value: number) => Math.round(value * 10) / 10;
  recordDrill({
    name: 'purge-under-load',
    shows:
      'A million expired tokens leave, most by their partitions and a fifth row by row, while two clients issue without a pause',
    figures: {
      'expired tokens purged': inPartitions + inDefault,
      'purge, s': ms(took / 1000),
      'tokens issued meanwhile': purging.length,
      'refused or failed': 0,
      'median latency with the purge to without, ratio': ratio(0.5),
      'p95 with the purge to without, ratio': ratio(0.95),
      'median without and with, ms': `${ms(at(quiet, 0.5))} and ${ms(at(purging, 0.5))}`,
      'p95 without and with, ms': `${ms(at(quiet, 0.95))} and ${ms(at(purging, 0.95))}`,
      'looks at what requests wait for, and requests found waiting for a lock': `${seen.looks} and ${seen.blocked}`,
      'longest wait for a lock that was seen, ms': ms(seen.longest),
    },
  });
});
