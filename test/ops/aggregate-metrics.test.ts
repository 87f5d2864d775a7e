/** Metrics are added up from the logs: each line once, however it is delivered, and totals only grow. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bucketBounds, bucketOf } from '../../lib/metrics.ts';
import { type Aggregated, aggregateMetrics } from '../../lib/ops/aggregate-metrics.ts';
import { addUp } from '../../lib/ops/embedded-metrics.ts';
import { readDeliveries } from '../../lib/ops/log-deliveries.ts';
import { serveProcedure } from '../../lib/ops/procedure.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { listTotals } from '../../lib/store/metrics.ts';
import { type DeliveredLine, deliver, embedded, requestLine } from '../support/log-delivery.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

/** As the function's handler does. */
function serveWith(db: Database) {
  const serve = serveProcedure(aggregateMetrics, { db, ...clock });
  return async (event: unknown) =>
    (await serve({ input: { batches: readDeliveries(event) }, apply: true, actor: 'schedule' })).result as Aggregated;
}

async function totalOf(name: string, labels: Record<string, string> = {}) {
  const totals = await listTotals(bench.operator);
  const own = totals.filter(
    (one) => one.name === name && Object.entries(labels).every(([key, value]) => one[key as 'route'] === value),
  );
  return {
    value: own.reduce((sum, { value }) => sum + value, 0),
    buckets: own.map(({ buckets }) => buckets),
  };
}

async function minutesOf(name: string): Promise<number> {
  const [row] = await bench.operator.sql<
    { sum: number }[]
  >`select coalesce(sum(value), 0)::float8 as sum from metric_minutes where name = ${name}`;
  return row?.sum ?? 0;
}

test('counters, durations and gauges of a batch are added to totals and minutes by their labels', async () => {
  const aggregate = serveWith(bench.operator);
  const at = Date.parse('2026-11-25T02:00:10Z');
  const result = await aggregate(
    deliver([
      requestLine(
        'token',
        200,
        0.004,
        { oauth_token_issued_total: 1, db_queries_total: [1, 1], db_query_duration_seconds: [0.002, 0.02] },
        at,
      ),
      requestLine('token', 200, 0.3, { oauth_token_issued_total: 1 }, at + 1000),
      requestLine('token', 503, 2, {}, at + 60_000),
    ]),
  );
  assert.deepEqual(result, { lines: 3, repeated: 0, points: 7 });
  assert.equal((await totalOf('http_requests_total', { route: 'token', method: 'POST', status: '200' })).value, 2);
  assert.equal((await totalOf('http_requests_total', { status: '503' })).value, 1);
  assert.equal((await totalOf('oauth_token_issued_total')).value, 2);
  assert.equal((await totalOf('db_queries_total')).value, 2);
  const { value, buckets } = await totalOf('http_request_duration_seconds', { status: '200' });
  assert.ok(Math.abs(value - 0.304) < 1e-9);
  assert.equal(buckets[0]?.[bucketOf(0.004)], 1);
  assert.equal(buckets[0]?.[bucketOf(0.3)], 1);
  const minutes = await bench.operator.sql`
    select minute, status, value from metric_minutes where name = 'http_requests_total' order by minute`;
  assert.deepEqual(
    minutes.map(({ minute, status, value: sum }) => [minute.toISOString(), status, sum]),
    [
      ['2026-11-25T02:00:00.000Z', '200', 2],
      ['2026-11-25T02:01:00.000Z', '503', 1],
    ],
  );
});

test('a batch that is delivered again, cut otherwise, or twice at once, counts once', async () => {
  const others = Array.from({ length: 4 }, () => bench.connect('oauth2_operator'));
  await Promise.all(others.map((db) => db.sql`select 1`));
  const rounds = 12;
  for (let round = 0; round < rounds; round++) {
    const lines = Array.from({ length: 40 }, (_, n) => requestLine('introspect', 200, 0.01, {}, Date.now() + n));
    const cuts: DeliveredLine[][] = [lines, lines.slice(0, 25), lines.slice(20), lines];
    const found = await Promise.all(
      cuts.map((cut, index) => serveWith(others[index] as Database)(deliver(cut, `stream ${round}`, '/aws/lambda/introspect'))),
    );
    assert.equal(
      found.reduce((sum, one) => sum + one.lines, 0),
      40,
    );
  }
  assert.equal((await totalOf('http_requests_total', { route: 'introspect' })).value, 40 * rounds);
  const { buckets } = await totalOf('http_request_duration_seconds', { route: 'introspect' });
  assert.equal(buckets[0]?.[bucketOf(0.01)], 40 * rounds);
});

test('many streams that write the same minute at once neither lose nor double a line, and none waits for another in a circle', async () => {
  const connections = Array.from({ length: 6 }, () => bench.connect('oauth2_operator'));
  const at = Date.now();
  await Promise.all(
    Array.from({ length: 60 }, (_, n) => {
      const mixed = ['userinfo', 'jwks', 'revoke'].map((route) =>
        requestLine(route, n % 2 ? 200 : 400, 0.02, { db_queries_total: 1 }, at),
      );
      return serveWith(connections[n % 6] as Database)(deliver(n % 3 ? mixed : mixed.toReversed(), `stream-${n}`));
    }),
  );
  for (const route of ['userinfo', 'jwks', 'revoke']) assert.equal((await totalOf('http_requests_total', { route })).value, 60);
});

test('totals and minutes agree', async () => {
  for (const name of ['http_requests_total', 'oauth_token_issued_total', 'db_queries_total'])
    assert.equal((await totalOf(name)).value, await minutesOf(name), name);
});

test('a gauge is what was seen last, whichever delivery comes first', async () => {
  const aggregate = serveWith(bench.operator);
  const at = Date.now();
  await aggregate(deliver([embedded({}, { oauth_active_tokens: 70 }, at)], 'later'));
  await aggregate(deliver([embedded({}, { oauth_active_tokens: 500 }, at - 1000)], 'earlier'));
  assert.equal((await totalOf('oauth_active_tokens')).value, 70);
  await aggregate(deliver([embedded({}, { oauth_active_tokens: 60 }, at + 1000)], 'later'));
  assert.equal((await totalOf('oauth_active_tokens')).value, 60);
});

test('a run that succeeds says nothing, so that no line of it can make another run', async () => {
  bench.output.clear();
  await serveWith(bench.operator)(deliver([requestLine('token', 200, 0.01)], 'silent'));
  assert.equal(bench.output.text(), '');
  assert.deepEqual(bench.output.metrics(), []);
});

test('while the database is away the delivery fails, so that it comes again, and then it counts', async () => {
  const nobody = { database: 'oauth2', user: 'oauth2_operator', tls: false, prepare: false, connections: 1 };
  const away = openDatabase({ host: '127.0.0.1', port: 9, ...nobody });
  const event = deliver([requestLine('login', 200, 0.2)], 'outage');
  await assert.rejects(
    serveWith(away)(event),
    /aggregate-metrics: .*Nothing is lost: run it again\. Where it stays so, oauth2ctl doctor says why\.$/,
  );
  assert.ok(bench.output.logs().some(({ procedure, outcome }) => procedure === 'aggregate-metrics' && outcome === 'failed'));
  // As Lambda puts it into the queue of what failed, with another one.
  const record = (payload: unknown) => ({ body: JSON.stringify({ requestContext: {}, requestPayload: payload }) });
  await away.end();
  const result = await serveWith(bench.operator)({ Records: [record(event), record(event)] });
  assert.deepEqual([result.lines, result.repeated], [1, 1]);
  assert.equal((await totalOf('http_requests_total', { route: 'login' })).value, 1);
});

test('what is no delivery is refused, and a control message is nothing to do', async () => {
  assert.throws(() => readDeliveries({}), /no delivery of CloudWatch Logs/);
  const control = gzipSync(JSON.stringify({ messageType: 'CONTROL_MESSAGE', logEvents: [] })).toString('base64');
  assert.deepEqual(readDeliveries({ awslogs: { data: control } }), []);
});

test('a request cannot choose its labels: an unknown method is one of all the others', () => {
  const lines = ['POST', 'BREW', 'x'.repeat(5000)].map((method) =>
    embedded({ route: 'token', method, status: '405' }, { http_requests_total: 1 }, 0),
  );
  assert.deepEqual(
    addUp(lines).map(({ method, value }) => [method, value]),
    [
      ['POST', 1],
      ['other', 2],
    ],
  );
});

test('lines of others, unknown names and broken values are left out', () => {
  const foreign = {
    ...requestLine('token', 200, 1),
    message:
      '{"_aws":{"CloudWatchMetrics":[{"Namespace":"other","Metrics":[{"Name":"http_requests_total"}]}]},"http_requests_total":1}',
  };
  const broken = { ...foreign, message: '{"_aws":' };
  const strange = embedded({}, { invented_total: 1, http_requests_total: -1, db_query_duration_seconds: [Number.NaN] });
  assert.deepEqual(addUp([foreign, broken, strange]), []);
});

test('a duration falls into the first bucket that holds it', () => {
  assert.equal(bucketOf(0), 0);
  assert.equal(bucketBounds[bucketOf(0.5)], 0.5);
  assert.equal(bucketOf(0.5000001), bucketBounds.indexOf(0.5) + 1);
  assert.equal(bucketOf(11), bucketBounds.length);
});
