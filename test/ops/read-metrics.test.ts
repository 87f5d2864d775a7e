/** What was measured in a span of time: sums by route and status, step by step, with what operators did. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { bucketOf } from '../../lib/metrics.ts';
import { aggregateMetrics } from '../../lib/ops/aggregate-metrics.ts';
import { readDeliveries } from '../../lib/ops/log-deliveries.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { type MeasuredWindow, readMetrics } from '../../lib/ops/read-metrics.ts';
import { insertAuditEntry } from '../../lib/store/audit-log.ts';
import { deliver, embedded, requestLine } from '../support/log-delivery.ts';
import { clockAt, openWorkbench, type Workbench } from './workbench.ts';

const start = Date.parse('2026-11-25T02:00:00Z');
const minute = 60_000;
let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
  const lines = [
    requestLine('token', 200, 0.02, { oauth_token_issued_total: 1 }, start + 10_000),
    requestLine('token', 200, 0.02, {}, start + 5 * minute),
    requestLine('introspect', 503, 3, {}, start + 5 * minute),
    requestLine('token', 401, 0.01, {}, start + 59 * minute + 59_000),
    requestLine('token', 200, 0.01, {}, start + 60 * minute),
    embedded({}, { oauth_active_tokens: 7 }, start + minute),
    embedded({}, { oauth_active_tokens: 9 }, start + 7 * minute),
    embedded({ procedure: 'purge-expired' }, { procedure_succeeded_total: 1 }, start + minute),
  ];
  const input = { batches: readDeliveries(deliver(lines)) };
  assert.equal(
    (await runProcedure(aggregateMetrics, { db: bench.operator, now: () => new Date() }, { input })).outcome,
    'succeeded',
  );
});
after(() => bench.stop());

async function read(input: object, now = new Date(start + 60 * minute)): Promise<MeasuredWindow> {
  const { outcome, result, error } = await runProcedure(readMetrics, { db: bench.operator, ...clockAt(now) }, { input });
  assert.equal(outcome, 'succeeded', error?.message);
  return result as MeasuredWindow;
}

const at = (minutes: number) => new Date(start + minutes * minute).toISOString();

test('the sums of a window are by route, method and status; a gauge is as it was last', async () => {
  const window = await read({ from: at(0), to: at(60) });
  const requests = window.sums.filter(({ name }) => name === 'http_requests_total');
  assert.deepEqual(
    requests.map(({ route, method, status, value }) => [route, method, status, value]),
    [
      ['introspect', 'POST', '503', 1],
      ['token', 'POST', '200', 2],
      ['token', 'POST', '401', 1],
    ],
  );
  const durations = window.sums.find(({ name, route }) => name === 'http_request_duration_seconds' && route === 'introspect');
  assert.equal(durations?.buckets?.[bucketOf(3)], 1);
  assert.equal(window.sums.find(({ name }) => name === 'oauth_active_tokens')?.value, 9);
  assert.ok(!window.sums.some(({ name }) => name.startsWith('procedure_')));
  assert.equal(window.counted_to?.toISOString(), at(60));
});

test('a window has its beginning in it and its end not, and begins with a whole minute', async () => {
  const { from, sums } = await read({ from: new Date(start + 5 * minute + 30_000).toISOString(), to: at(59) });
  assert.equal(from.toISOString(), at(5));
  assert.equal(
    sums.filter(({ name }) => name === 'http_requests_total').reduce((sum, { value }) => sum + value, 0),
    2,
  );
});

test('steps are at least a minute long and no more than asked for', async () => {
  const hour = await read({ from: at(0), to: at(60), steps: 12 });
  assert.equal(hour.step_seconds, 300);
  const of = (window: MeasuredWindow) =>
    window.steps.filter(({ name }) => name === 'http_requests_total').map(({ step, status, value }) => [step, status, value]);
  assert.deepEqual(of(hour), [
    [0, '200', 1],
    [1, '200', 1],
    [1, '503', 1],
    [11, '401', 1],
  ]);
  assert.equal((await read({ from: at(0), to: at(10), steps: 120 })).step_seconds, 60);
  assert.deepEqual((await read({ from: at(0) })).to, new Date(start + 60 * minute));
});

test('what operators did comes along where it is asked for', async () => {
  const entry = {
    actor: 'ann',
    reason: 'storage',
    plan: { steps: [] },
    outcome: 'succeeded',
    detail: null,
    incident_id: null,
  } as const;
  await insertAuditEntry(bench.operator, { ...entry, procedure: 'maintenance' });
  const now = new Date(Date.now() + 1000);
  const from = new Date(now.getTime() - 10 * minute).toISOString();
  assert.deepEqual(
    (await read({ from, acts: true }, now)).acts.map(({ procedure, reason }) => [procedure, reason]),
    [['maintenance', 'storage']],
  );
  assert.deepEqual((await read({ from }, now)).acts, []);
});

test('a time without measurements is empty; one that is none is refused', async () => {
  const nothing = await read({ from: '2020-01-01T00:00:00Z', to: '2020-01-01T01:00:00Z' });
  assert.deepEqual([nothing.sums.length, nothing.steps.length], [0, 0]);
  for (const input of [
    { from: at(60), to: at(0) },
    { from: '2019-01-01T00:00:00Z' },
    { from: 'yesterday' },
    {},
    { from: at(0), steps: 0 },
  ]) {
    const { outcome, error } = await runProcedure(readMetrics, { db: bench.operator, ...clockAt(at(60)) }, { input });
    assert.deepEqual([outcome, error?.code], ['failed', 'invalid_input'], JSON.stringify(input));
  }
});
