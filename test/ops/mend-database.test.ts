/** What a person does to a running database by hand: sessions that hold locks, dead rows, indexes that were not built to their end. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Mended, type MendInput, mendDatabase } from '../../lib/ops/mend-database.ts';
import { type Answer, runProcedure } from '../../lib/ops/procedure.ts';
import type { Database } from '../../lib/store/database.ts';
import { endSession, findSession } from '../../lib/store/database-care.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const order = (input: MendInput, apply: boolean) =>
  runProcedure(
    mendDatabase,
    { db: bench.migrator, ...clock },
    { input, apply, reason: 'drill', actor: 'op@example.com' },
  ) as Promise<Answer<Mended>>;
const plan = async (input: MendInput) => (await order(input, false)).plan.steps.join('\n');

async function mend(input: MendInput): Promise<Mended> {
  const { outcome, result, error } = await order(input, true);
  assert.equal(outcome, 'succeeded', error?.message);
  return result as Mended;
}

type Transaction = Parameters<Parameters<Database['sql']['begin']>[1]>[0];

/** A transaction that stands open until it is released, or its session is ended. @returns what its beginning came to, and how it is released */
async function hold<T>(
  db: Database,
  begin: (sql: Transaction) => Promise<T>,
): Promise<{ found: T; release: () => Promise<void> }> {
  let release = () => {};
  const held = new Promise<void>((done) => {
    release = done;
  });
  let tell: (found: T) => void;
  const begun = new Promise<T>((done) => {
    tell = done;
  });
  const ended = db.sql
    .begin(async (sql) => {
      tell(await begin(sql));
      await held;
    })
    .catch(() => undefined);
  const found = await begun;
  return {
    found,
    release: async () => {
      release();
      await ended;
    },
  };
}

/** A session of the request path with a transaction that stands open, and one of another client that waits for it. */
async function block() {
  const waiter = bench.connect('oauth2_api');
  const { found: pid, release } = await hold(bench.connect('oauth2_api'), async (sql) => {
    await sql`select pg_advisory_xact_lock(4711)`;
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    return row?.pid ?? 0;
  });
  const waiting = waiter.sql`select pg_advisory_xact_lock(4711), 'secret'`.then(
    () => 'got it',
    (error: Error) => error.message,
  );
  for (let tries = 0; tries < 1000 && (await findSession(bench.migrator, pid))?.waiting !== 1; tries++);
  return { pid, waiting, release };
}

test('the session that others wait for is ended: the plan says who it is and what it did, and whoever waited goes on', async () => {
  const { pid, waiting, release } = await block();
  assert.match(
    await plan({ end_session: pid }),
    new RegExp(
      `end the session of process ${pid} \\(oauth2_api, idle in transaction for \\d+ s, 1 waiting for it: select pg_backend_pid`,
    ),
  );
  assert.deepEqual(await mend({ end_session: pid }), { did: 'ended the session', what: `process ${pid}` });
  assert.equal(await findSession(bench.migrator, pid), undefined);
  assert.equal(await waiting, 'got it');
  await release();
  const again = await mend({ end_session: pid });
  assert.deepEqual(again, { did: 'nothing', what: `process ${pid}`, note: 'it had ended by itself' });
  const { text, rows } = await readAuditLog(bench.operator);
  assert.match(text, /ended the session: process/);
  assert.deepEqual([rows[0]?.reason, rows[0]?.actor], ['drill', 'op@example.com']);
});

test('a statement is cancelled and its session goes on; its literals are told to nobody', async () => {
  const { waiting, release } = await block();
  const [{ pid } = { pid: 0 }] = await bench.migrator.sql<{ pid: number }[]>`
    select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
  const planned = await plan({ cancel_statement: pid });
  assert.match(planned, /cancel what process \d+ is doing \(oauth2_api, active/);
  assert.doesNotMatch(planned, /secret/);
  assert.equal((await mend({ cancel_statement: pid })).did, 'cancelled the statement');
  assert.match(await waiting, /canceling statement due to user request/);
  assert.equal((await findSession(bench.migrator, pid))?.pid, pid);
  await release();
});

test('a session that does not end is said to go on, and ends when it can', async () => {
  const { found: pid, release } = await hold(bench.connect('oauth2_api'), async (sql) => {
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    return row?.pid ?? 0;
  });
  process.kill(pid, 'SIGSTOP');
  const { outcome, error } = await order({ end_session: pid }, true);
  process.kill(pid, 'SIGCONT');
  assert.deepEqual([outcome, error?.code], ['failed', 'goes_on']);
  assert.match(String(error?.message), /was told to stop and still runs/);
  for (let tries = 0; tries < 1000 && (await findSession(bench.migrator, pid)); tries++);
  assert.equal(await findSession(bench.migrator, pid), undefined);
  await release();
});

test('a session that has the number of one that is gone is left alone', async () => {
  const { found: pid, release } = await hold(bench.connect('oauth2_api'), async (sql) => {
    const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    return row?.pid ?? 0;
  });
  const another = { pid, began: '2026-01-01 00:00:00.000001+00', doing_since: null };
  assert.equal(await endSession(bench.migrator, another, 'session'), 'gone');
  assert.equal((await findSession(bench.migrator, pid))?.pid, pid);
  await release();
});

test('its own session, those of Postgres itself and of roles that are not of the server are refused', async () => {
  const [own] = await bench.migrator.sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const { error } = await order({ end_session: own?.pid ?? 0 }, true);
  assert.deepEqual([error?.code, /is this very command/.test(error?.message ?? '')], ['not_to_be_ended', true]);
  const administrator = bench.connect('postgres');
  const [theirs] = await administrator.sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const refused = await order({ end_session: theirs?.pid ?? 0 }, true);
  assert.match(String(refused.error?.message), /is of postgres, whose sessions this command may not end/);
  assert.equal((await administrator.sql`select 1 as one`)[0]?.one, 1);
  assert.match(await plan({ end_session: 2 ** 31 - 1 }), /nothing: there is no process/);
});

test('a table is vacuumed, partitions and all, and says how many dead rows are left', async () => {
  await bench.migrator.sql`
    insert into throttles (bucket, failures, resets_at) select sha256(n::text::bytea), 1, now() + interval '1 hour' from generate_series(1, 3000) as n`;
  await bench.migrator.sql`delete from throttles`;
  await bench.migrator.sql`select pg_stat_force_next_flush()`;
  assert.match(await plan({ vacuum: 'throttles' }), /vacuum throttles, .* 3000 dead rows beside \d+ live ones/);
  const { did, dead_rows_before, dead_rows, note } = await mend({ vacuum: 'throttles' });
  assert.deepEqual([did, dead_rows_before, dead_rows, note], ['vacuumed', 3000, 0, undefined]);
  const frozen = await mend({ vacuum: 'access_tokens', freeze: true });
  assert.equal(frozen.did, 'vacuumed');
  assert.match(await plan({ vacuum: 'access_tokens', freeze: true }), /and freeze its rows/);
});

test('dead rows that somebody may still see stay, and it is said why', async () => {
  const count = await bench.migrator.sql`
    insert into throttles (bucket, failures, resets_at) select sha256(n::text::bytea), 1, now() + interval '1 hour' from generate_series(1, 3000) as n`;
  assert.equal(count.count, 3000);
  const { release } = await hold(bench.connect('oauth2_operator'), async (sql) => {
    await sql`set transaction isolation level repeatable read`;
    await sql`select count(*) from clients`;
  });
  await bench.migrator.sql`delete from throttles`;
  await bench.migrator.sql`select pg_stat_force_next_flush()`;
  const { dead_rows, note } = await mend({ vacuum: 'throttles' });
  await release();
  assert.equal(dead_rows, 3000);
  assert.match(String(note), /a transaction that is open may still see them/);
});

test('an index is built anew; what a rebuild that was cut off has left is dropped, by its own name or with the index', async () => {
  const [index] = await bench.migrator.sql<{ name: string }[]>`
    select indexrelname as name from pg_stat_user_indexes where relname = 'sessions' order by indexrelname limit 1`;
  const name = index?.name ?? '';
  const cutOff = async () => {
    const { release } = await hold(bench.connect('oauth2_migrator'), (sql) => sql`lock table sessions in row exclusive mode`);
    const rebuilding = bench.connect('oauth2_migrator');
    await rebuilding.sql`set statement_timeout = 300`;
    await assert.rejects(rebuilding.sql.unsafe(`reindex index concurrently ${name}`), /statement timeout/);
    await release();
    const left = await bench.migrator.sql<{ name: string }[]>`
      select c.relname as name from pg_index x join pg_class c on c.oid = x.indexrelid where not x.indisvalid`;
    return left.map((one) => one.name);
  };
  const [left = ''] = await cutOff();
  assert.equal(left, `${name}_ccnew`);
  assert.match(
    await plan({ rebuild_index: name }),
    new RegExp(`drop ${left}, which .*\\nbuild ${name} of sessions anew beside itself`),
  );
  assert.equal((await mend({ rebuild_index: name })).did, 'rebuilt');
  const [again = ''] = await cutOff();
  assert.deepEqual((await mend({ rebuild_index: again })).did, 'dropped');
  const [invalid] = await bench.migrator.sql`select count(*)::integer as count from pg_index where not indisvalid`;
  assert.equal(invalid?.count, 0);
});

test('what it is given is checked: one thing at a time, of the server, by its name', async () => {
  for (const [input, says] of [
    [{}, /one of end_session, cancel_statement, vacuum, rebuild_index is wanted/],
    [{ vacuum: 'clients', end_session: 1 }, /one of end_session/],
    [{ freeze: true, end_session: 1 }, /freeze goes with vacuum alone/],
    [{ vacuum: 'nothing' }, /there is no table nothing; there are access_tokens, .*users/],
    [{ vacuum: 'pg_class' }, /there is no table pg_class/],
    [{ vacuum: 'clients; drop table users' }, /vacuum is .* the name of a table/],
    [{ rebuild_index: 'nothing' }, /there is no index nothing: oauth2ctl database-report/],
    [{ rebuild_index: 'pg_class_oid_index' }, /there is no index pg_class_oid_index/],
  ] as const) {
    const { outcome, error } = await order(input as MendInput, true);
    assert.equal(outcome, 'failed');
    assert.match(String(error?.message), says);
  }
});
