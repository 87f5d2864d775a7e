/** The metrics for Prometheus: the names and labels that the seed's queries ask for, behind a token, in one statement. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { expose } from '../../../functions/http/metrics/exposition.ts';
import { metrics } from '../../../functions/http/metrics/metrics.ts';
import type { HttpRequest } from '../../../lib/http/request.ts';
import { bucketBounds, metricNames } from '../../../lib/metrics.ts';
import type { Total } from '../../../lib/store/metrics.ts';
import { deliver, embedded, requestLine } from '../../support/log-delivery.ts';
import { type Operation, openOperation } from '../../support/operation.ts';
import { readExposition, type Sample } from '../../support/prometheus.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const token = 'a-token-of-the-scraper';
let server: TestServer;
let operation: Operation;
before(async () => {
  server = await startServer({ OAUTH2_METRICS_TOKEN_SHA256: createHash('sha256').update(token).digest('hex') });
  operation = openOperation(server);
});
after(async () => {
  await operation.stop();
  await server.stop();
});

async function aggregate(...batch: Parameters<typeof deliver>): Promise<void> {
  // What publishes metrics is loaded when the server has set its environment.
  const { aggregateMetrics } = await import('../../../lib/ops/aggregate-metrics.ts');
  const { readDeliveries } = await import('../../../lib/ops/log-deliveries.ts');
  const { runProcedure } = await import('../../../lib/ops/procedure.ts');
  const { outcome } = await runProcedure(aggregateMetrics, operation.tools, {
    input: { batches: readDeliveries(deliver(...batch)) },
  });
  assert.equal(outcome, 'succeeded');
}

const ask = (authorization?: string) =>
  fetch(server.url('/metrics'), { headers: { ...(authorization !== undefined && { authorization }) } });

async function scrape(): Promise<Sample[]> {
  const response = await ask(`Bearer ${token}`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return readExposition(await response.text());
}

const find = (samples: readonly Sample[], name: string, labels: Record<string, string> = {}) =>
  samples.filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value));

test('without the token, or with another, nothing is told', async () => {
  const none = await ask();
  assert.deepEqual([none.status, none.headers.get('www-authenticate'), await none.text()], [401, 'Bearer realm="metrics"', '']);
  for (const wrong of ['Bearer wrong', `Bearer ${token}x`, `Basic ${btoa(`a:${token}`)}`]) {
    const response = await ask(wrong);
    assert.equal(response.status, 401, wrong);
    assert.doesNotMatch(await response.text(), /oauth2_server_/);
  }
});

test('a stage without a token has no such page, and does not announce one', async () => {
  const request = { header: () => `Bearer ${token}` } as unknown as HttpRequest;
  await assert.rejects(metrics({ config: { metrics_token_sha256: '' }, db: server.db }, request), { status: 404 });
  const discovery = await fetch(server.url('/.well-known/openid-configuration'));
  assert.doesNotMatch(await discovery.text(), /metrics/);
});

test('what was counted is exposed under the names that the queries ask for', async () => {
  await aggregate([
    requestLine('token', 200, 0.02, {
      oauth_token_issued_total: 1,
      db_queries_total: 2,
      db_query_duration_seconds: [0.001, 0.3],
    }),
    requestLine('token', 200, 0.02, { oauth_token_issued_total: 1 }),
    requestLine('introspect', 200, 0.7),
    requestLine('token', 503, 3),
    embedded({}, { oauth_active_tokens: 12, oauth_clients_total: 3 }),
    embedded({ procedure: 'purge-expired' }, { procedure_succeeded_total: 1 }),
  ]);
  const samples = await scrape();
  const value = (name: string, labels?: Record<string, string>) =>
    find(samples, `oauth2_server_${name}`, labels).map((one) => one.value);
  assert.deepEqual(value('http_requests_total', { status: '200' }), [3]);
  assert.deepEqual(value('http_requests_total', { status: '503' }), [1]);
  assert.deepEqual(value('http_requests_total_by_route', { route: 'token', method: 'POST', status: '200' }), [2]);
  assert.deepEqual(value('oauth_token_issued_total'), [2]);
  assert.deepEqual(value('oauth_active_tokens'), [12]);
  assert.deepEqual(value('oauth_clients_total'), [3]);
  assert.deepEqual(value('http_request_duration_seconds_count'), [4]);
  assert.deepEqual(value('http_request_duration_seconds_bucket', { le: '0.5' }), [2]);
  assert.deepEqual(value('http_request_duration_seconds_bucket', { le: '+Inf' }), [4]);
  assert.deepEqual(value('http_request_duration_seconds_by_route_bucket', { route: 'introspect', le: '1' }), [1]);
  assert.deepEqual(value('db_query_duration_seconds_count'), [2]);
  assert.deepEqual(value('procedure_succeeded_total', { procedure: 'purge-expired' }), [1]);
  const [sum] = value('http_request_duration_seconds_sum');
  assert.ok(Math.abs((sum ?? 0) - 3.74) < 1e-9);
});

test('a counter never falls, also when the minutes are purged', async () => {
  const before = find(await scrape(), 'oauth2_server_http_requests_total');
  await server.db.sql`delete from metric_minutes`;
  await aggregate([requestLine('token', 200, 0.01)], 'another');
  for (const { labels, value } of before) {
    const [later] = find(await scrape(), 'oauth2_server_http_requests_total', labels);
    assert.ok(later && later.value >= value && later.value - value === (labels.status === '200' ? 1 : 0));
  }
});

test('a scrape is one statement, and requests count as every other does', async () => {
  server.output.clear();
  await scrape();
  const [line] = server.output.metrics();
  assert.deepEqual([line?.route, line?.status, line?.db_queries_total], ['metrics', '200', 1]);
});

test('a database that is away is 503, so that the job which scrapes it is down', async () => {
  await server.db.sql`alter table metric_totals rename to hidden`;
  const broken = await ask(`Bearer ${token}`);
  await server.db.sql`alter table hidden rename to metric_totals`;
  assert.ok(broken.status >= 500);
  assert.doesNotMatch(await broken.text(), /metric_totals/);
});

const total = (change: Partial<Total>): Total => ({
  name: 'http_requests_total',
  route: '',
  method: '',
  status: '',
  procedure: '',
  value: 1,
  buckets: null,
  ...change,
});

test('every metric of the table has help and type, once, and buckets are cumulative up to +Inf', () => {
  const buckets = bucketBounds.map((_, at) => at).concat(5);
  const text = expose([
    total({ name: 'http_request_duration_seconds', route: 'token', method: 'POST', status: '200', buckets, value: 9.5 }),
  ]);
  const samples = readExposition(text);
  for (const name of metricNames) assert.equal(text.split(`# TYPE oauth2_server_${name} `).length, 2, name);
  const counts = find(samples, 'oauth2_server_http_request_duration_seconds_bucket').map(({ value }) => value);
  assert.deepEqual(
    counts,
    counts.toSorted((one, other) => one - other),
  );
  assert.equal(counts.length, bucketBounds.length + 1);
  assert.equal(counts.at(-1), 83);
});

test('labels are quoted, and a metric that no row knows is not told', () => {
  const text = expose([total({ status: '2"0\\0\n' }), total({ name: 'unknown', value: 7 })]);
  assert.match(text, /oauth2_server_http_requests_total\{status="2\\"0\\\\0\\n"\} 1\n/);
  assert.doesNotMatch(text, /unknown| 7\n/);
});

test('what was never counted is 0 where it has no labels, and a gauge that was never seen is not there', () => {
  const samples = readExposition(expose([]));
  assert.deepEqual(
    find(samples, 'oauth2_server_oauth_token_issued_total').map(({ value }) => value),
    [0],
  );
  assert.deepEqual(find(samples, 'oauth2_server_oauth_active_tokens'), []);
});
