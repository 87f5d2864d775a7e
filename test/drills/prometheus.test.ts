/** Drill: a real Prometheus scrapes the metrics that real requests made, and the queries and alerts of the runbooks of before run as written. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setInterval } from 'node:timers/promises';
import { makeTestClient, type TestClient } from '../support/accounts.ts';
import { postForm } from '../support/flow.ts';
import { deliver, embedded } from '../support/log-delivery.ts';
import { type Operation, openOperation } from '../support/operation.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { recordDrill } from './record.ts';

const root = join(import.meta.dirname, '../..');
const programs = execFileSync(join(root, '.ci/prometheus.sh'), { encoding: 'utf8' }).trim();
const token = 'the-token-of-prometheus';
const folder = mkdtempSync(join(tmpdir(), 'oauth2-prometheus-'));

let server: TestServer;
let operation: Operation;
let client: TestClient;
let prometheus: ChildProcess;
let address = '';
let deliveries = 0;

async function freePort(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const listener = createServer().listen(0, '127.0.0.1', () => resolve((listener.address() as { port: number }).port));
  const port = await promise;
  await new Promise((done) => listener.close(done));
  return port;
}

/** Asks again and again, until it is there. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const started = performance.now();
  for await (const _ of setInterval(50)) {
    const found = await ask().catch(() => undefined);
    if (found !== undefined) return found;
    assert.ok(performance.now() - started < 30_000, 'it never came');
  }
  throw new Error('unreachable');
}

interface Vector {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

async function query(promql: string): Promise<Vector[]> {
  const response = await fetch(`${address}/api/v1/query?${new URLSearchParams({ query: promql })}`);
  const { status, error, data } = (await response.json()) as {
    status: string;
    error?: string;
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  assert.equal(status, 'success', `${promql}: ${error}`);
  return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
}

/** What the functions wrote goes the way of the logs. */
async function aggregate(...more: ReturnType<typeof embedded>[]): Promise<void> {
  const { aggregateMetrics } = await import('../../lib/ops/aggregate-metrics.ts');
  const { readDeliveries } = await import('../../lib/ops/log-deliveries.ts');
  const { runProcedure } = await import('../../lib/ops/procedure.ts');
  const written = server.output
    .metrics()
    .map((line, at) => ({ id: `${deliveries}-${at}`, timestamp: Date.now(), message: JSON.stringify(line) }));
  server.output.clear();
  const event = deliver([...written, ...more], `stream-${deliveries++}`);
  const { outcome } = await runProcedure(aggregateMetrics, operation.tools, { input: { batches: readDeliveries(event) } });
  assert.equal(outcome, 'succeeded');
}

/** Two scrapes that were answered after this one, so that a rate has what it needs. */
async function scraped(): Promise<void> {
  const count = async () => (await query('sum(count_over_time(up{job="oauth2-server"}[1h]))'))[0]?.value ?? 0;
  const first = await count();
  await until(async () => ((await count()) >= first + 2 ? true : undefined));
}

before(async () => {
  server = await startServer({ OAUTH2_METRICS_TOKEN_SHA256: createHash('sha256').update(token).digest('hex') });
  operation = openOperation(server);
  client = await makeTestClient(server, { grant_types: ['client_credentials'] });
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
  writeFileSync(join(folder, 'alerts.yml'), readFileSync(join(root, 'docs/prometheus/alerts.yml')));
  const config = readFileSync(join(root, 'docs/prometheus/prometheus.yml'), 'utf8')
    .replaceAll('id.example.com', new URL(server.issuer).host)
    .replaceAll('scheme: https', 'scheme: http')
    .replaceAll('interval: 30s', 'interval: 200ms');
  writeFileSync(
    join(folder, 'prometheus.yml'),
    config.replace('scrape_interval: 200ms', 'scrape_interval: 200ms\n  scrape_timeout: 200ms'),
  );
  const words = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  prometheus = spawn(join(programs, 'prometheus'), [...words, '--log.level=error'], { stdio: ['ignore', 'inherit', 'inherit'] });
  await until(async () => ((await query('up{job="oauth2-server"} == 1')).length === 1 ? true : undefined));
});
after(async () => {
  prometheus?.kill();
  await operation?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As they stand in the runbooks of before. */
const queries = {
  requestRate: 'rate(oauth2_server_http_requests_total[5m])',
  errorRate: `100 * (
  rate(oauth2_server_http_requests_total{status=~"5.."}[5m]) /
  rate(oauth2_server_http_requests_total[5m])
)`,
  tokenRate: 'rate(oauth2_server_oauth_token_issued_total[5m])',
  activeTokens: 'oauth2_server_oauth_active_tokens',
  responseTime: `histogram_quantile(0.95, 
  rate(oauth2_server_http_request_duration_seconds_bucket[5m]))`,
  databaseTime: `histogram_quantile(0.95,
  rate(oauth2_server_db_query_duration_seconds_bucket[5m]))`,
};

test('the six queries of before run as written, and the error rate of ours is the right one', async () => {
  const issue = () => postForm(server, '/oauth/token', { grant_type: 'client_credentials' }, client);
  for (let n = 0; n < 10; n++) assert.equal((await issue()).status, 200);
  await aggregate(embedded({}, { oauth_active_tokens: 10, oauth_clients_total: 1 }));
  await scraped();
  for (let n = 0; n < 15; n++) assert.equal((await issue()).status, 200);
  await server.db.sql`alter table access_tokens rename to hidden`;
  for (let n = 0; n < 5; n++) assert.equal((await issue()).status, 500);
  await server.db.sql`alter table hidden rename to access_tokens`;
  await aggregate(embedded({}, { oauth_active_tokens: 25 }));
  await scraped();

  const byStatus = Object.fromEntries((await query(queries.requestRate)).map(({ metric, value }) => [metric.status, value]));
  assert.ok((byStatus['200'] ?? 0) > 0 && (byStatus['500'] ?? 0) >= 0, JSON.stringify(byStatus));
  const [issued] = await query(queries.tokenRate);
  assert.ok((issued?.value ?? 0) > 0);
  assert.deepEqual(
    (await query(queries.activeTokens)).map(({ value }) => value),
    [25],
  );
  for (const [name, lowest] of [
    ['responseTime', 0.0001],
    ['databaseTime', 0.0001],
  ] as const) {
    const found = await query(queries[name]);
    assert.equal(found.length, 1, name);
    assert.ok((found[0]?.value ?? 0) > lowest && (found[0]?.value ?? 0) < 10, `${name}: ${found[0]?.value}`);
  }

  // A series that begins with the first failure has no increase yet: five more give it one.
  await server.db.sql`alter table access_tokens rename to hidden`;
  for (let n = 0; n < 5; n++) assert.equal((await issue()).status, 500);
  await server.db.sql`alter table hidden rename to access_tokens`;
  await aggregate();
  await scraped();
  // Of before: each series of 5xx is divided by itself, so that it is 100 whatever the others are.
  assert.deepEqual(
    (await query(queries.errorRate)).map(({ metric, value }) => [metric.status, value]),
    [['500', 100]],
  );
  const { metricQueries } = await import('../../lib/observe/metric-queries.ts');
  const ours = await Promise.all(metricQueries.map(async ({ promql }) => (await query(promql)).map(({ value }) => value)));
  assert.ok(ours.every((values) => values.length === 1));
  const [, percent] = ours.flat();
  assert.ok(Number(percent) > 0 && Number(percent) < 60, `${percent}`);
  recordDrill({
    name: 'prometheus',
    shows: 'a real Prometheus scrapes real requests: the six queries of the runbooks of before run as written',
    figures: { 'queries answered as written': Object.keys(queries).length },
  });
});

test('promtool finds nothing in what is exposed but names that were there before', async () => {
  const response = await fetch(server.url('/metrics'), { headers: { authorization: `Bearer ${token}` } });
  const { status, stderr } = spawnSync(join(programs, 'promtool'), ['check', 'metrics'], {
    input: await response.text(),
    encoding: 'utf8',
  });
  // 1 would be a text that cannot be read, 3 is a complaint.
  assert.ok(status === 0 || status === 3, stderr);
  const complaints = [...stderr.matchAll(/^oauth2_server_(\S+) /gm)].map(([, name]) => name);
  const before = [
    'http_requests_total_by_route',
    'oauth_authorization_codes_issued',
    'oauth_clients_total',
    'oauth_failed_authentications',
  ];
  assert.deepEqual([...new Set(complaints)].toSorted(), before);
});

test('while the database does not answer, the job oauth2-database is down', async () => {
  const down = 'up{job="oauth2-database"} == 0';
  assert.deepEqual(await query(down), []);
  await server.db.sql`alter table metric_totals rename to hidden`;
  await until(async () => ((await query(down)).length === 1 ? true : undefined));
  await server.db.sql`alter table hidden rename to metric_totals`;
  await until(async () => ((await query(down)).length === 0 ? true : undefined));
});
