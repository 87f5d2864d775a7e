/** Drill: a database whose processor, memory and storage run out; what is measured of it makes the alarms fire, and their pages' commands end them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { readRuntimeFile } from '../../lib/local/runtime-file.ts';
import { openDatabase } from '../../lib/store/database.ts';
import { createPartitionsAhead, partitionName } from '../../lib/store/partitions.ts';
import { runInProcess, type ToolRun } from '../cli/stage.ts';
import { openAlarmDrill, type Seen } from '../support/alarm-drill.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';
import { measureCpu, usedMemory, usedStorage } from '../support/instance-metrics.ts';
import { recordDrill } from './record.ts';
import { assertAllFired } from './where-alarms-fire.ts';

const mib = 1024 ** 2;
const gib = 1024 ** 3;
const dayMs = 86_400_000;
/** Of the stage whose alarms these are: what its own instance would have free, were it as full as ours. */
const stageMemory = 8 * gib;
const memory = 512 * mib;

const { assertFires, fired } = await openAlarmDrill();
const figures: Record<string, number> = {};

let deployment: Deployment;
let host: string;
let port: number;
let postmaster: number;
let admin: postgres.Sql;
before(async () => {
  deployment = await openDeployment();
  const folder = deployment.runtime?.folder ?? '';
  ({ host, port } = readRuntimeFile(folder)?.database ?? assert.fail('the instance does not run'));
  postmaster = Number(readFileSync(join(folder, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);
  admin = session('postgres');
});
after(async () => {
  await admin.end();
  await deployment.stop();
});

const session = (username: string): postgres.Sql =>
  postgres({ host, port, database: 'oauth2', username, max: 1, fetch_types: false, onnotice: () => {} });

/** Runs a command as its page has it, for a reason. */
async function act(...words: string[]): Promise<ToolRun> {
  const environment = { OAUTH2_DATA_DIR: deployment.runtime?.folder ?? '' };
  const ran = await runInProcess([...words, '--apply', '--reason', 'drill', '--json'], environment);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  return ran;
}

/** Asks for the report until every one of these processes is among its findings. @returns the commands that it then advises for them */
async function adviceFor(pids: readonly number[]): Promise<string[][]> {
  for (let tries = 0; tries < 600; tries++) {
    const { json } = await runInProcess(['database-report', '--json'], { OAUTH2_DATA_DIR: deployment.runtime?.folder ?? '' });
    const changes = (json.findings as { seen: string; change: string }[]).map(({ change }) => change);
    const advised = pids.flatMap((pid) => {
      const command = changes.map((change) => new RegExp(`oauth2ctl (mend-database --[a-z-]+ ${pid})\\b`).exec(change)?.[1]);
      return command.filter((one) => one !== undefined);
    });
    if (advised.length === pids.length) return advised.map((command) => command.split(' '));
  }
  return assert.fail(`database-report never named ${pids.join(', ')}`);
}

async function pidOf(sql: postgres.Sql): Promise<number> {
  // As whoever looks something up by hand does: the roles' own limits would end it.
  await sql`set statement_timeout = 0`;
  await sql`set idle_in_transaction_session_timeout = 0`;
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return row?.pid ?? 0;
}

test('statements without an end take the processor: the report names them, and it is free again when they are cancelled', async () => {
  const idle = measureCpu(postmaster);
  await admin`select pg_sleep(1)`;
  const calm = idle();
  const sessions = Array.from({ length: 4 }, () => session('oauth2_operator'));
  const pids = await Promise.all(sessions.map(pidOf));
  const busy = measureCpu(postmaster);
  const running = sessions.map((sql) =>
    sql`select sum(sqrt(one * other)) from generate_series(1, 100000) as one, generate_series(1, 1000000) as other`.then(
      () => assert.fail('it came to its end'),
      ({ code }: { code: string }) => code,
    ),
  );
  const advised = await adviceFor(pids);
  const high = busy();
  for (const words of advised) await act(...words);
  assert.deepEqual(
    await Promise.all(running),
    pids.map(() => '57014'),
  );
  const since = measureCpu(postmaster);
  await admin`select pg_sleep(1)`;
  await Promise.all(sessions.map((sql) => sql.end()));
  assertFires('DatabaseCpuHigh', 'performance-degradation', { lines: [], measured: [high] }, { lines: [], measured: [calm] });
  assertFires('DatabaseCpuHigh', 'performance-degradation', { lines: [], measured: [high] }, { lines: [], measured: [since()] });
});

test('a session that holds a large sort takes the memory: the report names it, and the memory is free again when it is ended', async () => {
  const measure = (): Seen => ({ lines: [], measured: [stageMemory * Math.max(0, 1 - usedMemory(postmaster) / memory)] });
  const calm = measure();
  const sql = session('oauth2_operator');
  const pid = await pidOf(sql);
  await sql`set work_mem = '2GB'`;
  await sql`begin`;
  await sql`declare held cursor for
    select n, repeat(md5(n::text), 10) from generate_series(1, 1500000) as n order by md5(n::text)`;
  await sql`fetch 1 from held`;
  const full = measure();
  const [words = []] = await adviceFor([pid]);
  await act(...words);
  const left = await admin`select from pg_stat_activity where pid = ${pid}`;
  assert.equal(left.length, 0);
  const since = measure();
  // Its connection is gone: nothing of it is waited for.
  await sql.end({ timeout: 0 });
  assertFires('DatabaseMemoryHigh', 'performance-degradation', full, calm);
  assertFires('DatabaseMemoryHigh', 'performance-degradation', full, since);
});

test('expired tokens that no purge took away fill the storage, and the purge makes room', async () => {
  const before = await usedStorage(admin);
  const allocated = before + 5 * gib + 32 * mib;
  const measure = async (): Promise<Seen> => ({ lines: [], measured: [allocated - (await usedStorage(admin))] });
  const calm = await measure();
  const yesterday = new Date(Date.now() - dayMs);
  const owner = openDatabase({
    host,
    port,
    database: 'oauth2',
    user: 'oauth2_migrator',
    tls: false,
    prepare: false,
    connections: 1,
  });
  await createPartitionsAhead(owner, yesterday, 1);
  await owner.end();
  await admin`
    insert into access_tokens (jti, expires_at, issued_at, client_id)
    select gen_random_uuid(), date_trunc('day', ${yesterday}::timestamptz, 'UTC') + interval '12 hours', now(), 'drill'
    from generate_series(1, 500000)`;
  const full = await measure();
  const { json } = await act('purge-expired');
  assert.ok(json.dropped_partitions.includes(partitionName(yesterday)), JSON.stringify(json));
  assertFires('DatabaseStorageLow', 'vacuum-and-bloat', full, calm);
  assertFires('DatabaseStorageLow', 'vacuum-and-bloat', full, await measure());
  figures['storage that the purge gave back, MiB'] = Math.round(
    ((await usedStorage(admin)) - (allocated - (full.measured?.[0] ?? 0))) / -mib,
  );
});

test('every alarm of this drill has fired', () => {
  assertAllFired('instance', fired);
  recordDrill({
    name: 'instance-alarms',
    shows:
      "a database's processor, memory and storage run out, as measured of its processes and files; the alarms fire, and the commands of the pages that they lead to end it",
    figures: { ...fired, ...figures },
  });
});
