#!/usr/bin/env node
/** Measures what the pages on costs and scaling compute with, and writes it to measured.json: `node docs/figures/measure.ts` (Linux). */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import postgres from 'postgres';
import { partitionDays } from '../../lib/ops/purge-expired.ts';
import { hashPassword, verifyPassword } from '../../lib/protocol/password.ts';
import { createPartitionsAhead } from '../../lib/store/partitions.ts';
import { makeTestClient, makeTestUser, type TestClient } from '../../test/support/accounts.ts';
import { exchangeForm, type Flow, getCode, postForm, type TokenAnswer } from '../../test/support/flow.ts';
import { globalSetup, globalTeardown } from '../../test/support/postgres.ts';
import { startServer, type TestServer } from '../../test/support/server.ts';
import { createUserAgent } from '../../test/support/user-agent.ts';
import {
  type GrowingTable,
  growingTables,
  type Measured,
  type RequestFigures,
  type RequestKind,
  readMeasured,
  requestKinds,
} from './measured.ts';

/** Milliseconds of one tick of the counters in /proc. */
const tickMs = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

type Sql = postgres.Sql;

/** Processor time that Postgres has used so far, its ended processes included, milliseconds. */
async function readDatabaseMs(sql: Sql): Promise<number> {
  const [row] = await sql<{ pid: string }[]>`select split_part(pg_read_file('postmaster.pid'), E'\n', 1) as pid`;
  const parent = String(row?.pid);
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const path = `/proc/${pid}/stat`;
    if (!existsSync(path)) continue;
    const fields = readFileSync(path, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    if (pid === parent) ticks += Number(fields[13]) + Number(fields[14]);
    if (pid === parent || fields[1] === parent) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * tickMs;
}

async function countStatements(sql: Sql, database: string): Promise<number> {
  const [row] = await sql<{ calls: number }[]>`
    select coalesce(sum(s.calls), 0)::float8 as calls from pg_stat_statements s
    join pg_database d on d.oid = s.dbid join pg_roles r on r.oid = s.userid
    where d.datname = ${database} and r.rolname = 'oauth2_api'`;
  return row?.calls ?? 0;
}

async function readWal(sql: Sql): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as bytes`;
  return row?.bytes ?? 0;
}

/** Metrics of what was written, each name with each of its sets of dimensions once. */
function countMetrics(server: TestServer): number {
  const series = new Set<string>();
  for (const blob of server.output.metrics()) {
    const { CloudWatchMetrics } = blob._aws as { CloudWatchMetrics: { Dimensions: string[][]; Metrics: { Name: string }[] }[] };
    for (const { Dimensions, Metrics } of CloudWatchMetrics)
      for (const dimensions of Dimensions)
        for (const { Name } of Metrics) series.add(JSON.stringify([Name, dimensions.map((name) => [name, blob[name]])]));
  }
  return series.size;
}

function sizeOf({ headers, body }: TokenAnswer): number {
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.byteLength(lines) + Buffer.byteLength(JSON.stringify(body));
}

type Counted = Omit<RequestFigures, 'cpu_ms'>;

/** Asks `count` times and divides. The function's own time is not measured here: it shares this process with its caller. */
async function measureKind(
  server: TestServer,
  sql: Sql,
  count: number,
  ask: (index: number) => Promise<TokenAnswer>,
): Promise<Counted> {
  let answered = await ask(0);
  server.output.clear();
  const before = [await countStatements(sql, server.database.name), await readWal(sql), await readDatabaseMs(sql)] as const;
  for (let index = 1; index <= count; index += 1) {
    answered = await ask(index);
    if (answered.status !== 200) throw new Error(`${answered.status} ${JSON.stringify(answered.body)}`);
  }
  const [database_ms, wal, statements] = [
    (await readDatabaseMs(sql)) - before[2],
    (await readWal(sql)) - before[1],
    (await countStatements(sql, server.database.name)) - before[0],
  ];
  const written = server.output.text().split('\n');
  return {
    database_ms: round(database_ms / count, 3),
    statements: round(statements / count, 2),
    wal_bytes: Math.round(wal / count),
    log_bytes: Math.round(written.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0) / count),
    answer_bytes: sizeOf(answered),
    metrics: countMetrics(server),
  };
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));

/** What makes a copied row another one; digests are as long as real ones. */
const keysOf: Readonly<Record<GrowingTable, readonly string[]>> = {
  access_tokens: ['jti'],
  authorization_codes: ['code_hash'],
  token_families: ['family_id'],
  sessions: ['session_hash', 'session_id'],
};

/** Copies a row that the requests left until pages are full, then divides what the table and its indexes take. */
async function measureRows({ db: { sql } }: TestServer, copies: number): Promise<Record<GrowingTable, number>> {
  const sizes = {} as Record<GrowingTable, number>;
  for (const table of growingTables) {
    const fresh = keysOf[table].map((key) =>
      key.endsWith('_hash')
        ? `'${key}', '\\x' || encode(sha256((random()::text || n)::bytea), 'hex')`
        : `'${key}', gen_random_uuid()`,
    );
    await sql.unsafe(`insert into ${table} select (jsonb_populate_record(r.t, jsonb_build_object(${fresh.join(', ')}))).*
      from (select t from ${table} t limit 1) r, generate_series(1, ${copies}) n`);
    // Of a partitioned table, the partition that holds them.
    const [row] = await sql<{ bytes: number; rows: number }[]>`
      select pg_total_relation_size(tableoid)::float8 as bytes, count(*)::int as rows from ${sql(table)} group by tableoid order by 2 desc limit 1`;
    sizes[table] = Math.round((row?.bytes ?? 0) / (row?.rows ?? 1));
  }
  return sizes;
}

/** The least of several: what else the machine did is not the password's cost. */
async function measurePassword(): Promise<number> {
  const hash = await hashPassword('a password to measure', randomBytes(16));
  const times: number[] = [];
  for (let time = 0; time < 12; time += 1) {
    const started = process.cpuUsage();
    await verifyPassword('a password to measure', hash);
    const { user, system } = process.cpuUsage(started);
    times.push((user + system) / 1000);
  }
  return Math.round(Math.min(...times));
}

/** Codes for one end-user who signed in once. */
async function makeCodes(server: TestServer, client: TestClient, count: number): Promise<Flow[]> {
  const user = await makeTestUser(server);
  const agent = createUserAgent(server);
  const flows: Flow[] = [];
  for (let index = 0; index < count; index += 1) flows.push(await getCode(server, client, user, {}, agent));
  return flows;
}

interface BenchResults {
  readonly date: string;
  readonly cells: readonly { row: string; contender: string; connections: number; cpu_ms: number }[];
  readonly cold_starts: readonly { contender: string; cpu_ms: number }[];
}

/** What bench/ measures: the function in a process of its own, without its caller. */
type BenchFigures = Pick<Measured, 'bench_date' | 'cold_start_cpu_ms'> & {
  readonly cpu_ms: Readonly<Record<RequestKind, number>>;
};

const benchRows: Readonly<Record<RequestKind, string>> = {
  client_credentials: 'client-credentials',
  code_exchange: 'code-exchange',
  refresh: 'refresh',
  introspection: 'introspection',
};

/** Of the last whole run of bench/, or where there is none, what measured.json has of an earlier one. */
function readBench(): BenchFigures {
  const path = new URL('../../bench/results.json', import.meta.url);
  if (!existsSync(path)) {
    const { bench_date, cold_start_cpu_ms, requests } = readMeasured();
    const cpu_ms = Object.fromEntries(requestKinds.map((kind) => [kind, requests[kind].cpu_ms])) as BenchFigures['cpu_ms'];
    return { bench_date, cold_start_cpu_ms, cpu_ms };
  }
  const { date, cells, cold_starts } = JSON.parse(readFileSync(path, 'utf8')) as BenchResults;
  const own = <T extends { contender: string }>(list: readonly T[], what: string, fits: (each: T) => boolean = () => true): T => {
    const found = list.find((each) => each.contender === 'ours' && fits(each));
    if (!found) throw new Error(`bench/results.json has no ${what} of this server; run "npm run bench" again`);
    return found;
  };
  const cpu = (row: string) => own(cells, row, (cell) => cell.row === row && cell.connections === 10).cpu_ms;
  return {
    bench_date: date,
    cold_start_cpu_ms: Math.round(own(cold_starts, 'cold start').cpu_ms),
    cpu_ms: Object.fromEntries(requestKinds.map((kind) => [kind, round(cpu(benchRows[kind]), 3)])) as BenchFigures['cpu_ms'],
  };
}

/** @param scale requests of each kind; code exchanges are half as many */
export async function measure(scale: number, bench = readBench()): Promise<Measured> {
  // As behind the proxy: one connection, and statements without a name, which Postgres plans each time.
  const server = await startServer({ OAUTH2_DATABASE_PREPARE: 'false', OAUTH2_DATABASE_CONNECTIONS: '1' });
  const sql = postgres(server.database.url, { max: 1, fetch_types: false });
  try {
    await createPartitionsAhead(server.db, new Date(), partitionDays);
    const client = await makeTestClient(server);
    const token = () => postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
    const client_credentials = await measureKind(server, sql, scale, token);
    const { access_token } = (await token()).body;
    const introspection = await measureKind(server, sql, scale, () =>
      postForm(server, '/oauth/introspect', { token: access_token }, client),
    );
    const flows = await makeCodes(server, client, Math.ceil(scale / 2));
    let refreshToken = '';
    const code_exchange = await measureKind(server, sql, flows.length - 1, async (index) => {
      const answer = await postForm(server, '/oauth/token', exchangeForm(client, flows[index] as Flow), client);
      refreshToken = answer.body.refresh_token;
      return answer;
    });
    const refresh = await measureKind(server, sql, scale, async () => {
      const answer = await postForm(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken }, client);
      refreshToken = answer.body.refresh_token;
      return answer;
    });
    const counted: Record<RequestKind, Counted> = { client_credentials, code_exchange, refresh, introspection };
    const requests = Object.fromEntries(
      Object.entries(counted).map(([kind, figures]) => [kind, { cpu_ms: bench.cpu_ms[kind as RequestKind], ...figures }]),
    ) as Measured['requests'];
    return {
      date: new Date().toISOString().slice(0, 10),
      machine: `${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}`,
      requests,
      row_bytes: await measureRows(server, 5000),
      password_ms: await measurePassword(),
      bench_date: bench.bench_date,
      cold_start_cpu_ms: bench.cold_start_cpu_ms,
    };
  } finally {
    await sql.end();
    await server.stop();
  }
}

if (process.argv[1] === import.meta.filename) {
  await globalSetup();
  const measured = await measure(500).finally(globalTeardown);
  writeFileSync(new URL('measured.json', import.meta.url), `${JSON.stringify(measured, null, 2)}\n`);
  process.stdout.write(`${JSON.stringify(measured, null, 2)}\n`);
}
