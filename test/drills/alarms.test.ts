/** Drill: failures are provoked on real functions and a real Postgres; what these really publish makes the alarms fire that lead to the page. */
import './metrics-environment.ts';
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { after, before, test } from 'node:test';
import postgres from 'postgres';
import { type Database, ownerRole, startDatabase } from '../../lib/local/database.ts';
import { createFunctions } from '../../lib/local/functions.ts';
import { procedureNames } from '../../lib/procedures.ts';
import { migrate } from '../../lib/store/migrate.ts';
import { makeFunction } from '../local/fixture.ts';
import { makeTestClient, makeTestUser, type TestClient, type TestUser } from '../support/accounts.ts';
import { type MetricLine, openAlarmDrill, type Seen } from '../support/alarm-drill.ts';
import { watchedBy } from '../support/alarm-states.ts';
import { refreshWith, send } from '../support/calls.ts';
import { exchangeForm, getCode, postForm } from '../support/flow.ts';
import { callFunction } from '../support/gateway-event.ts';
import { readEmbedded } from '../support/metric-store.ts';
import { type Operation, openOperation } from '../support/operation.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { recordDrill } from './record.ts';
import { assertAllFired } from './where-alarms-fire.ts';

const folder = mkdtempSync(join(tmpdir(), 'oauth2-alarm-drill-'));
const { alarms, assertFires, fired, templates } = await openAlarmDrill();

let database: Database;
let server: TestServer;
let client: TestClient;
let user: TestUser;
let operation: Operation;
/** Every line that any step made the functions write. */
const published: MetricLine[] = [];

before(async () => {
  database = await startDatabase({ folder, fast: true });
  const sql = postgres(database.url(ownerRole), { max: 1, onnotice: () => {} });
  await migrate(sql as unknown as Parameters<typeof migrate>[0], join(import.meta.dirname, '../../migrations'));
  await sql.end();
  env.OAUTH2_TEST_DATABASE_URL = database.url();
  server = await startServer({ POWERTOOLS_SERVICE_NAME: 'oauth2-complete', OAUTH2_REFRESH_GRACE_SECONDS: '0' });
  client = await makeTestClient(server);
  user = await makeTestUser(server);
  operation = openOperation(server);
});
after(async () => {
  await operation.stop();
  await server.stop();
  await database.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What the functions wrote since the last look. */
function takeLines(): MetricLine[] {
  const lines = server.output.metrics();
  published.push(...lines);
  server.output.clear();
  return lines;
}

async function timed(ask: () => Promise<{ status: number }>): Promise<{ status: number; ms: number }> {
  const started = performance.now();
  const { status } = await ask();
  return { status, ms: performance.now() - started };
}

/** Per cent of some attempts to connect that succeed, as RDS Proxy tells of its target. */
async function measureAvailability(): Promise<number> {
  const attempts = Array.from({ length: 4 }, async () => {
    const sql = postgres(database.url(), { max: 1, connect_timeout: 2, fetch_types: false, onnotice: () => {} });
    return sql`select 1`
      .then(
        () => 1,
        () => 0,
      )
      .finally(() => sql.end());
  });
  const reached = await Promise.all(attempts);
  return (100 * reached.reduce((sum, one) => sum + one, 0)) / reached.length;
}

const clientToken = () => postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
/** A minute of a stage: readiness, tokens, a client's mistakes. */
async function oneMinute(): Promise<Seen> {
  takeLines();
  const answers = [await timed(() => send(server, '/ready'))];
  for (let at = 0; at < 4; at++) answers.push(await timed(clientToken));
  answers.push(await timed(() => postForm(server, '/oauth/token', { grant_type: 'nonsense' }, client)));
  answers.push(
    await timed(() =>
      postForm(
        server,
        '/oauth/token',
        { grant_type: 'client_credentials' },
        { ...client, basic: `Basic ${btoa(`${client.client_id}:wrong`)}` },
      ),
    ),
  );
  return { lines: takeLines(), statuses: answers.map(({ status }) => status), latencies: answers.map(({ ms }) => ms) };
}

test('a stage that is well, one that is slow, and one whose database is away', async () => {
  await oneMinute();
  const calm = await oneMinute();
  assert.deepEqual(calm.statuses, [200, 200, 200, 200, 200, 400, 401]);

  // Every token waits for a lock that is held for longer than half a second.
  takeLines();
  const locking = await server.db.sql.reserve();
  await locking`begin`;
  await locking`lock table access_tokens in access exclusive mode`;
  const waiting = Promise.all(Array.from({ length: 4 }, () => timed(clientToken)));
  await locking`select pg_sleep(0.7)`;
  await locking`commit`;
  locking.release();
  const answers = await waiting;
  const slow = { lines: takeLines(), statuses: answers.map(({ status }) => status), latencies: answers.map(({ ms }) => ms) };
  assert.deepEqual(slow.statuses, [200, 200, 200, 200]);
  const quick = { ...calm, latencies: [0] };
  assertFires('HighResponseTime', 'performance-degradation', slow, quick);
  for (const name of ['TokenLatencyBurnsFast', 'TokenLatencyBurns'])
    assertFires(name, 'performance-degradation', slow, { lines: [] });

  const reached = await measureAvailability();
  await database.stop();
  assertFires(
    'DatabaseDown',
    'database-connection-issues',
    { lines: [], measured: [await measureAvailability()] },
    { lines: [], measured: [reached] },
  );
  const away = await oneMinute();
  assert.deepEqual(away.statuses?.slice(0, 5), [503, 503, 503, 503, 503]);
  const { runProcedure } = await import('../../lib/ops/procedure.ts');
  const { publishGauges } = await import('../../lib/ops/publish-gauges.ts');
  const failed = await runProcedure(publishGauges, operation.tools as never, { apply: true, actor: 'schedule' });
  assert.equal(failed.outcome, 'failed');
  const failedLines = takeLines();
  database = await startDatabase({ folder, fast: true, port: database.port });

  for (const name of ['NotReady', 'ServerDown']) {
    assertFires(name, name === 'NotReady' ? 'database-connection-issues' : 'function-not-starting', away, calm);
  }
  for (const name of ['HighErrorRate', 'ErrorRateRaised', 'TokenAvailabilityBurnsFast', 'TokenAvailabilityBurns'])
    assertFires(name, 'high-error-rate', away, calm);
  assertFires('ProcedureFailed-publish-gauges', 'status', { lines: failedLines }, calm);
});

test('an unexpected error is 500 and burns the objective', async () => {
  let ready = await oneMinute();
  for (let attempt = 0; attempt < 20 && ready.statuses?.some((status) => status >= 500); attempt++) ready = await oneMinute();
  await server.db.sql`alter table access_tokens rename to hidden_tokens`;
  const broken = await oneMinute();
  await server.db.sql`alter table hidden_tokens rename to access_tokens`;
  assert.deepEqual(broken.statuses?.slice(1, 5), [500, 500, 500, 500]);
  assertFires('HighErrorRate', 'high-error-rate', broken, ready);
  assertFires('TokenAvailabilityBurnsFast', 'high-error-rate', broken, ready);
});

test('a refresh token that comes back after its rotation', async () => {
  const { body } = await postForm(server, '/oauth/token', exchangeForm(client, await getCode(server, client, user)), client);
  takeLines();
  assert.equal((await refreshWith(server, client, body.refresh_token)).status, 200);
  const calm = { lines: takeLines() };
  assert.equal((await refreshWith(server, client, body.refresh_token)).status, 400);
  assertFires('RefreshTokenReused', 'disable-user', { lines: takeLines() }, calm);
});

test('keys that were not rotated, too many active tokens, no backup and no drill', async () => {
  const { runProcedure } = await import('../../lib/ops/procedure.ts');
  const { publishGauges } = await import('../../lib/ops/publish-gauges.ts');
  const gauges = async () => {
    takeLines();
    const { outcome } = await runProcedure(publishGauges, operation.tools as never, { apply: true, actor: 'schedule' });
    assert.equal(outcome, 'succeeded');
    return { lines: takeLines() };
  };
  await gauges().catch(() => undefined);
  const calm = await gauges();
  await server.db.sql`
    insert into access_tokens (jti, expires_at, issued_at, client_id)
    select gen_random_uuid(), now() + interval '15 minutes', now(), ${client.client_id} from generate_series(1, 100001)`;
  await server.db.sql`update signing_keys set created_at = now() - interval '36 days', activated_at = now() - interval '36 days'`;
  await server.db.sql`update flyway_schema_history set installed_on = installed_on - interval '36 days'`;
  const overdue = await gauges();
  assertFires('ActiveTokensHigh', 'vacuum-and-bloat', overdue, calm);
  assertFires('SigningKeyOverdue', 'rotate-signing-keys', overdue, calm);
  assertFires('BackupOverdue', 'backup', overdue, calm);
  assertFires('RestoreDrillOverdue', 'restore-drill', overdue, calm);
});

test('a bus that takes nothing, and one that refuses an event again and again', async () => {
  const { runProcedure } = await import('../../lib/ops/procedure.ts');
  const { relayEvents } = await import('../../lib/ops/relay-events.ts');
  const { BusUnavailable } = await import('../../lib/ops/put-events.ts');
  const relay = async (put: Parameters<typeof relayEvents.apply>[0]['put']) => {
    takeLines();
    const tools = { ...operation.tools, issuer: server.issuer, publishes: () => true, put };
    const { outcome } = await runProcedure(relayEvents, tools as never, { apply: true, actor: 'schedule' });
    assert.equal(outcome, 'succeeded');
    return { lines: takeLines() };
  };
  await server.db.sql`update event_relay set held_until = null`;
  const calm = await relay(async (events) => events.map(() => undefined));
  await clientToken();
  await server.db
    .sql`insert into events (at, type, data, producer) values (now() - interval '11 minutes', 'user_logout', '{}', 'drill')`;
  const broken = await relay(async () => {
    throw new BusUnavailable('no answer');
  });
  assertFires('EventsBacklog', 'events', broken, calm);
  await server.db.sql`update events set attempts = 11 where delivered_at is null`;
  const refused = await relay(async (events) => events.map(() => 'MalformedDetail'));
  assertFires('EventsSetAside', 'retry-events', refused, calm);
});

test('a function that crashes, and one that does not start', async () => {
  const specs = [
    makeFunction(folder, 'token', 'export const handler = () => { process.exit(1); };'),
    makeFunction(folder, 'ready', "throw new Error('a setting is missing');"),
  ];
  const functions = createFunctions({ specs, environment: { AWS_REGION: 'eu-test-1' }, output: () => {}, notice: () => {} });
  try {
    for (const { name } of specs) {
      const { verdict } = await functions.invoke(name, '{}');
      const crashed = verdict === 'answered' ? [] : [name];
      assertFires(`FunctionCrashing-${name}`, 'function-not-starting', { lines: [], crashed }, { lines: [] });
    }
  } finally {
    await functions.stop();
  }
});

test('a function that has no concurrency left', async () => {
  const spec = makeFunction(folder, 'login', 'export const handler = () => new Promise((done) => setTimeout(done, 500));');
  const environment = { AWS_REGION: 'eu-test-1' };
  const functions = createFunctions({ specs: [spec], environment, limit: 1, wait_ms: 50, output: () => {}, notice: () => {} });
  try {
    const verdicts = await Promise.all([functions.invoke('login', '{}'), functions.invoke('login', '{}')]);
    const throttled = verdicts.filter(({ verdict }) => verdict === 'throttled').map(() => 'login');
    assertFires('FunctionThrottled-login', 'scale', { lines: [], throttled }, { lines: [] });
  } finally {
    await functions.stop();
  }
});

test('a function whose memory is nearly taken', async () => {
  const taken = Math.ceil(process.memoryUsage.rss() / 1024 ** 2);
  const call = async (limit: number): Promise<Seen> => {
    takeLines();
    const parts = { method: 'GET', path: '/health' };
    assert.equal((await callFunction('health', parts, { memoryLimitInMB: String(limit) })).statusCode, 200);
    return { lines: takeLines() };
  };
  const calm = await call(taken * 2);
  // A sandbox looks once a second.
  await server.db.sql`select pg_sleep(1.1)`;
  assertFires('FunctionMemoryHigh', 'scale', await call(taken), calm);
});

test('each metric of the server and its procedures that an alarm watches is one that the functions publish, by name and dimensions', () => {
  const keyOf = (name: string, dimensions: Readonly<Record<string, string>>) => {
    // Every procedure publishes by the same lines.
    const pairs = Object.entries(dimensions).map(([key, value]) =>
      key === 'procedure' && (procedureNames as readonly string[]).includes(value) ? 'procedure' : `${key}=${value}`,
    );
    return `${name} ${pairs.toSorted()}`;
  };
  const known = new Set(
    published.flatMap(readEmbedded).map(({ metric }) => `${metric.namespace} ${keyOf(metric.name, metric.dimensions)}`),
  );
  // Gauges of procedures that nothing here makes run: their own tests look at the value, and here at least the name has to be the one they publish.
  const gauges = readdirSync(join(import.meta.dirname, '../../lib/ops')).map((file) =>
    readFileSync(join(import.meta.dirname, '../../lib/ops', file), 'utf8'),
  );
  const isGauge = (one: string) => {
    const [, name] = /^oauth2_server (\w+) service=oauth2-complete$/.exec(one) ?? [];
    return name !== undefined && gauges.some((text) => text.includes(`'${name}'`));
  };
  const watched = alarms
    .filter(({ type }) => type === 'AWS::CloudWatch::Alarm')
    .flatMap((alarm) => watchedBy(templates, alarm))
    .filter(({ metric }) => metric.namespace === 'oauth2_server')
    .map(({ metric }) => `${metric.namespace} ${keyOf(metric.name, metric.dimensions)}`);
  assert.ok(watched.length > 10);
  assert.deepEqual([...new Set(watched)].filter((one) => !known.has(one) && !isGauge(one)).toSorted(), []);
});

test('every alarm of this drill has fired', () => {
  assertAllFired('failures', fired);
  recordDrill({
    name: 'alarms',
    shows: 'failures are provoked, and what the functions then publish makes the alarms fire that lead to the page',
    figures: fired,
  });
});
