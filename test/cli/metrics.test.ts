/** The six queries as the tool shows them: of a stage on this machine with its real function, and of a deployed one. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sparkline } from '../../lib/cli/show-metrics.ts';
import { metricQueries } from '../../lib/observe/metric-queries.ts';
import { answerQueries } from '../../lib/observe/metrics.ts';
import { windowOf } from '../observe/windows.ts';
import { deliver, embedded, requestLine } from '../support/log-delivery.ts';
import { type DeployedStage, openDeployedStage } from './deployed-stage.ts';
import { openStage, type TestStage } from './stage.ts';

let local: TestStage;
before(async () => {
  local = await openStage();
});
after(() => local.stop());

type Handler = (event: unknown) => Promise<unknown>;

async function aggregate(...lines: ReturnType<typeof embedded>[]): Promise<void> {
  const { handler } = (await import('../../functions/ops/aggregate-metrics/handler.ts')) as { handler: Handler };
  await handler(deliver(lines, `stream-${lines[0]?.id}`));
}

test('a stage at which nothing was measured yet says so, and that is well', async () => {
  const { code, json, stdout } = await local.run(['metrics', '--json']);
  assert.equal(code, 0, stdout);
  assert.deepEqual(
    json.queries.map(({ query }: { query: string }) => query),
    metricQueries.map(({ title }) => title),
  );
  assert.equal(json.counted_to, null);
  assert.equal(json.queries[1].value, null);
});

test('the six queries with values, thresholds and their course; what is above leads to its page and exits with 4', async () => {
  const at = Date.now() - 120_000;
  const many = Array.from({ length: 94 }, () =>
    requestLine('token', 200, 0.02, { oauth_token_issued_total: 1, db_query_duration_seconds: [0.004] }, at),
  );
  const failed = Array.from({ length: 6 }, () => requestLine('token', 503, 3, {}, at));
  await aggregate(...many, ...failed, embedded({}, { oauth_active_tokens: 100_001 }, at));
  const { code, json } = await local.run(['metrics', '--since', '30m', '--json']);
  assert.equal(code, 4);
  const found = new Map(json.queries.map((one: Record<string, unknown>) => [one.query, one]));
  const of = (name: string) => found.get(name) as Record<string, unknown>;
  assert.ok(Math.abs(Number(of('Request rate').value) - 100 / 1800) < 0.01);
  assert.deepEqual(
    [of('Error rate (5xx)').value, of('Error rate (5xx)').threshold, of('Error rate (5xx)').runbook],
    [6, 5, 'high-error-rate'],
  );
  assert.deepEqual([of('Active tokens').value, of('Active tokens').over], [100_001, true]);
  assert.ok(Number(of('Response time, p95').value) > 500);
  assert.ok(Number(of('Database query, p95').value) <= 5);
  assert.equal((of('Request rate').course as number[]).filter((value) => value > 0).length, 1);
  const { stdout } = await local.run(['metrics', '--since', '30m']);
  assert.match(stdout, /^Error rate \(5xx\) ! +6 % +> 5 % .*█/m);
  assert.match(stdout, /^Database processors +– +> 80 % +nothing measures it on this machine$/m);
  assert.match(stdout, /^Next: runbooks\/high-error-rate\.md$/m);
  assert.match(stdout, /^Next: oauth2ctl diagnose$/m);
});

/** What the gateway of this machine answered, some minutes ago. */
function answered(status: number, times: number, minutes: number, method = 'POST'): void {
  const group = '/aws/vendedlogs/oauth2-local-access';
  const events = local.logs.get(group) ?? [];
  const message = JSON.stringify({ route: 'POST /oauth/token', method, status: String(status) });
  for (let at = 0; at < times; at++)
    events.push({ id: `${minutes}-${status}-${at}`, timestamp: Date.now() - minutes * 60_000, stream: 'gateway', message });
  local.logs.set(group, events);
}

test('requests that no function answered count as errors, by what the gateway answered', async () => {
  await aggregate(...Array.from({ length: 60 }, () => requestLine('token', 200, 0.02, {}, Date.now() - 14 * 60_000)));
  const rate = async () => {
    const { json, code } = await local.run(['metrics', '--since', '15m', '--json']);
    return { ...json.queries[1], notes: json.notes, code };
  };
  const before = await rate();
  answered(500, 60, 1);
  answered(200, 60, 14);
  answered(503, 500, 1, 'OPTIONS');
  const found = await rate();
  assert.ok(before.value < 10 && found.value === 50, `${before.value}, then ${found.value}`);
  assert.deepEqual([found.over, found.code, found.notes], [true, 4, []]);
  assert.equal(found.course.filter((value: number | null) => value === 100).length, 1);
  local.logs.clear();
});

test('a function that takes most of its memory is counted, above the threshold and with the page of its alarm', async () => {
  await aggregate(
    embedded({ route: 'token' }, { function_memory_high_total: 1 }, Date.now() - 60_000),
    embedded({ procedure: 'backup' }, { function_memory_high_total: 1 }, Date.now() - 60_000),
  );
  const { stdout } = await local.run(['metrics', '--since', '5m']);
  assert.match(stdout, /^Minutes of a function above 80 % of its memory ! +2 +> 0 /m);
  assert.match(stdout, /^Next: runbooks\/scale\.md$/m);
});

test('a window is what was asked for: the hour before it does not count', async () => {
  await aggregate(requestLine('token', 200, 0.02, {}, Date.now() - 3 * 3_600_000));
  const count = async (since: string) => {
    const { json } = await local.run(['metrics', '--since', since, '--json']);
    const hours = (Date.parse(json.to) - Date.parse(json.from)) / 1000;
    return Math.round(json.queries[0].value * hours);
  };
  assert.equal(await count('4h'), (await count('2h')) + 1);
  const { code, stderr } = await local.run(['metrics', '--since', 'yesterday']);
  assert.equal(code, 2);
  assert.match(stderr, /--since is "yesterday"; allowed/);
});

test('a stage that cannot be asked says why in one line', async () => {
  local.crashNext({ errorMessage: 'out of memory' });
  const { code, stderr } = await local.run(['metrics']);
  assert.equal(code, 1);
  assert.match(stderr, /read-metrics ended without an answer: out of memory/);
});

const apiMetric = {
  Id: 'errors',
  MetricStat: {
    Metric: { Namespace: 'AWS/ApiGateway', MetricName: '5xx', Dimensions: [{ Name: 'ApiId', Value: 'api' }] },
    Period: 60,
    Stat: 'Sum',
  },
};

test('of a deployed stage processors and memory of the database are shown against their thresholds', async () => {
  const stage: DeployedStage = await openDeployedStage();
  try {
    stage.deploy();
    const gibibyte = 1024 ** 3;
    Object.assign(stage.account.figures, { database_cpu_percent: 81.5, database_free_memory_bytes: 0.5 * gibibyte });
    stage.account.invoke = () => ({
      outcome: 'succeeded',
      plan: { steps: [] },
      result: windowOf([{ status: 200, requests: 10 }]),
    });
    const { code, json } = await stage.run('metrics', '--json');
    assert.equal(code, 4);
    assert.deepEqual(
      json.database.map(({ query, value, over }: Record<string, unknown>) => [query, value, over]),
      [
        ['Database processors', 81.5, true],
        // Of the 1 GiB of a db.t4g.micro.
        ['Database memory', 50, false],
      ],
    );
    // Its alarm is not there, which names the API.
    assert.match(json.notes.join(), /^5xx that no function answered are not counted here: .*oauth2-dev-HighErrorRate/);
    assert.match((await stage.run('metrics')).stdout, /^Note: 5xx that no function answered are not counted here/m);
    stage.account.alarms.push({ AlarmName: 'oauth2-dev-HighErrorRate', StateValue: 'OK', Metrics: [apiMetric] });
    const start = Date.parse(windowOf([]).from);
    stage.account.series.gateway_requests = [{ at: start + 60_000, value: 10 }];
    stage.account.series.gateway_failed = [{ at: start + 60_000, value: 4 }];
    const asked = await stage.run('metrics', '--json');
    assert.deepEqual([asked.json.queries[1].value, asked.json.queries[1].course[0], asked.json.notes], [40, 40, []]);
  } finally {
    await stage.stop();
  }
});

test('each query has the value of its figure, and only what is above its threshold is over', () => {
  const answers = answerQueries(
    windowOf([
      { status: 200, requests: 95, seconds: 0.3 },
      { status: 500, requests: 5, seconds: 0.3 },
    ]),
  );
  assert.deepEqual(
    answers.map(({ query, over }) => [query, over]),
    metricQueries.map(({ title }) => [title, false]),
  );
  const worse = answerQueries(
    windowOf([
      { status: 200, requests: 94 },
      { status: 500, requests: 6 },
    ]),
  );
  assert.deepEqual(
    worse.filter(({ over }) => over).map(({ query }) => query),
    ['Error rate (5xx)'],
  );
});

test('a course is drawn as bars, the highest as high as a line, with a gap where nothing was', () => {
  assert.equal(sparkline([0, 1, null, 4, 8]), '▁▂ ▅█');
  assert.equal(sparkline([0, 0]), '▁▁');
  assert.equal(sparkline([]), '');
});
