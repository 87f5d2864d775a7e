/** The database report: each finding provoked on a real Postgres, or judged from figures that no test can provoke. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type DatabaseReport, judgeDatabase, thresholds } from '../../lib/ops/database-findings.ts';
import { databaseReport, type JudgedReport } from '../../lib/ops/database-report.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import type { Database } from '../../lib/store/database.ts';
import { listBlocked, listLongRunning, withoutLiterals } from '../../lib/store/database-activity.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

async function report(db: Database = bench.operator): Promise<JudgedReport> {
  const { outcome, result, error } = await runProcedure(databaseReport, { db, ...clock }, {});
  assert.equal(outcome, 'succeeded', error?.message);
  return result as JudgedReport;
}

/** Asks until what is wanted is there: statistics come a little later than what they are about. */
async function until<T>(ask: () => Promise<T>, there: (found: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 300; tries++) {
    const found = await ask();
    if (there(found)) return found;
  }
  throw new Error('it never came');
}

const seen = ({ findings }: Pick<JudgedReport, 'findings'>, about: string) =>
  findings.filter((one) => one.about === about).map((one) => `${one.seen} → ${one.change}`);

test('a quiet database: every section is there, and nothing is to be changed', async () => {
  const quiet = await report();
  assert.deepEqual(quiet.findings, []);
  assert.equal(quiet.well, true);
  assert.ok(quiet.connections.total >= 1 && quiet.connections.max_connections >= 100);
  const partitioned = quiet.tables.find(({ name }) => name === 'access_tokens');
  assert.ok(partitioned && partitioned.partitions >= 1);
  const largest = partitioned.largest_partition_bytes ?? 0;
  assert.ok(largest > 0 && largest <= partitioned.bytes && largest * partitioned.partitions >= partitioned.bytes);
  assert.equal(quiet.tables.find(({ name }) => name === 'clients')?.largest_partition_bytes, null);
  assert.ok(quiet.indexes.some(({ name }) => name.startsWith('token_families')));
  assert.ok(quiet.database.bytes > 0);
  assert.ok(quiet.settings.some(({ name, bytes }) => name === 'shared_buffers' && (bytes ?? 0) > 1024 ** 2));
  assert.ok(Array.isArray(quiet.slowest));
});

test('a statement that waits is named with whom it waits for, an open transaction with how long, neither with its literals', async () => {
  const holder = bench.connect('oauth2_migrator');
  const waiter = bench.connect('oauth2_migrator');
  await holder.sql`insert into users (username, password_hash) values ('a-secret-name', 'none')`;
  let release = () => {};
  const held = new Promise<void>((done) => {
    release = done;
  });
  let ready = () => {};
  const locked = new Promise<void>((done) => {
    ready = done;
  });
  const holding = holder.sql.begin(async (sql) => {
    await sql`update users set email = 'x' where username = 'a-secret-name'`;
    ready();
    await held;
  });
  await locked;
  const waiting = waiter.sql`update users set email = 'y' where username = 'a-secret-name'`.execute();
  const isOurs = (rows: { statement: string }[]) => rows.some(({ statement }) => statement.startsWith('update users'));
  const [blocked] = await until(() => listBlocked(bench.operator), isOurs);
  assert.ok(blocked);
  assert.equal(blocked.role, 'oauth2_migrator');
  assert.equal(blocked.blocked_by.length, 1);
  assert.doesNotMatch(blocked.statement, /secret/);
  const open = await until(
    () => listLongRunning(bench.operator, 0.01),
    (rows) => rows.some(({ state }) => state === 'idle in transaction'),
  );
  assert.ok(open.some(({ pid }) => pid === blocked.blocked_by[0]));
  // Old enough to be findings.
  const judged = judgeDatabase({
    ...(await report()),
    blocked: [{ ...blocked, seconds: thresholds.blocked_seconds }],
    long_running: [{ ...(open.find(({ pid }) => pid === blocked.blocked_by[0]) as (typeof open)[0]), seconds: 60 }],
  });
  assert.match(
    seen({ findings: judged }, 'locks').join(),
    new RegExp(
      `process ${blocked.pid} .* for process ${blocked.blocked_by[0]}: update users.*mend-database --end-session ${blocked.blocked_by[0]}`,
    ),
  );
  assert.match(seen({ findings: judged }, 'statements').join(), /idle in transaction\) since 60 s/);
  release();
  await Promise.all([holding, waiting]);
});

test('dead rows, an index that nobody reads and scans of a whole table are found', async () => {
  const { sql } = bench.migrator;
  await sql.unsafe(`
    create table heap (id integer, filler text) with (autovacuum_enabled = off);
    insert into heap select n, repeat('x', 100) from generate_series(1, 20000) n;
    create index heap_nobody on heap (filler, id);
    delete from heap where id > 12000;
    analyze heap`);
  for (let scan = 0; scan < thresholds.scans; scan++) await sql`select count(*) from heap where filler like '%y'`;
  // A busy connection tells its figures once a second, else when it is asked to.
  await sql`select pg_stat_force_next_flush()`;
  const found = await until(
    report,
    ({ tables }) => (tables.find(({ name }) => name === 'heap')?.sequential_scans ?? 0) >= thresholds.scans,
  );
  const busy = found.tables.map((table) => (table.name === 'heap' ? { ...table, index_scans: thresholds.table_reads } : table));
  const findings = judgeDatabase({ ...found, tables: busy });
  assert.match(
    seen({ findings }, 'bloat').join(),
    /heap has 8000 dead rows .*last vacuum: never → oauth2ctl mend-database --vacuum heap/,
  );
  assert.match(
    seen({ findings }, 'indexes').join('\n'),
    /heap_nobody on heap takes [\d.]+ MiB and was never read → index: drop index/,
  );
  assert.match(seen(found, 'indexes').join('\n'), /heap was read from end to end \d+ times, \d{5} rows each/);
  await sql`drop table heap`;
});

test('the slowest statements are those that took most time, with what is normalized in them', async () => {
  for (let call = 0; call < 3; call++) await bench.operator.sql`select pg_sleep(0.05)`;
  const { slowest } = await until(report, (one) => one.slowest?.some(({ statement }) => statement.includes('pg_sleep')) === true);
  const slow = slowest?.find(({ statement }) => statement.includes('pg_sleep'));
  assert.ok(slow && slow.calls >= 3 && slow.mean_ms >= 50);
});

test('a role that does not see what others run is told so, with the grant to make', async () => {
  const { findings, sees_everybody } = await report(bench.migrator);
  assert.equal(sees_everybody, true);
  assert.deepEqual(seen({ findings }, 'rights'), []);
  const blind = judgeDatabase({ ...(await report()), sees_everybody: false, slowest: null });
  assert.match(seen({ findings: blind }, 'rights').join(), /grant pg_monitor to oauth2_operator/);
  assert.match(seen({ findings: blind }, 'settings').join(), /oauth2ctl migrate makes the extension/);
});

test('figures that no test provokes: connections, cache, freezing, sorts on disk, memory, a restart that is due', async () => {
  const quiet = await report();
  const gibibyte = 1024 ** 3;
  const judged = (change: Partial<DatabaseReport>) => judgeDatabase({ ...quiet, ...change });
  const connections = { ...quiet.connections, total: 90, max_connections: 103, reserved: 3 };
  assert.match(seen({ findings: judged({ connections }) }, 'connections').join(), /^90 of 100 connections are open \(90 %\)/);
  assert.deepEqual(judged({ connections: { ...connections, total: 79 } }), []);
  const database = { ...quiet.database, pages_hit: 900_000, pages_read: 100_000, temporary_bytes: 2 * gibibyte };
  assert.match(seen({ findings: judged({ database }) }, 'cache').join(), /^90\.0 % of the pages .*instance:/);
  assert.match(seen({ findings: judged({ database }) }, 'settings').join(), /2048 MiB to disk.*work_mem/);
  const [table] = quiet.tables;
  assert.ok(table);
  assert.match(seen({ findings: judged({ tables: [{ ...table, transaction_age: 100_000_000 }] }) }, 'vacuum').join(), /freeze/);
  const settings = [
    { name: 'shared_buffers', value: '1GB', bytes: gibibyte, pending_restart: true },
    { name: 'work_mem', value: '64MB', bytes: gibibyte / 16, pending_restart: false },
  ];
  const found = seen(
    { findings: judged({ settings, connections: { ...connections, total: 1, max_connections: 500 } }) },
    'settings',
  ).join('\n');
  assert.match(found, /shared_buffers was changed and waits for a restart/);
  assert.match(found, /work_mem × max_connections and shared_buffers may take \d+ MiB of some 4096 MiB/);
});

test('literals are taken out of a statement, however they are written', () => {
  assert.equal(withoutLiterals("select  1\n from t where a = 'it''s' and b = 'x"), "select 1 from t where a = '…' and b = '…'");
  assert.equal(withoutLiterals('do $tag$ secret $tag$ end'), "do '…' end");
});
