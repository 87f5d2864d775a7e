/** Drill: what adding up a thousand lines of real requests costs, in one batch and in small ones, and how soon a scrape is answered then. */
import './metrics-environment.ts';
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { aggregateMetrics } from '../../lib/ops/aggregate-metrics.ts';
import { readDeliveries } from '../../lib/ops/log-deliveries.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { listTotals } from '../../lib/store/metrics.ts';
import { clock, openWorkbench, type Workbench } from '../ops/workbench.ts';
import { type DeliveredLine, deliver, requestLine } from '../support/log-delivery.ts';
import { recordDrill } from './record.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const lineCount = 1000;

/** As a busy token endpoint writes them, over three minutes. */
function makeLines(): DeliveredLine[] {
  const start = Date.now() - 180_000;
  return Array.from({ length: lineCount }, (_, n) => {
    const status = n % 50 === 0 ? 401 : 200;
    const counted = { oauth_token_issued_total: 1, db_queries_total: [1, 1], db_query_duration_seconds: [0.001, 0.003] };
    return requestLine('token', status, 0.002 + (n % 10) / 500, status === 200 ? counted : {}, start + n * 180);
  });
}

async function rowsWritten(): Promise<number> {
  const { sql } = bench.migrator;
  await bench.operator.sql`select pg_stat_force_next_flush()`;
  await bench.operator.sql`select 1`;
  const [row] = await sql<{ rows: number }[]>`
    select sum(n_tup_ins + n_tup_upd)::integer as rows from pg_stat_user_tables where relname like 'metric%'`;
  return row?.rows ?? 0;
}

interface Cost {
  readonly rows: number;
  readonly cpu_ms: number;
  readonly ms: number;
}

async function costOf(name: string, size: number): Promise<Cost> {
  const lines = makeLines();
  const events = Array.from({ length: lineCount / size }, (_, n) =>
    deliver(lines.slice(n * size, (n + 1) * size), `${name}-${n % 5}`),
  );
  const before = await rowsWritten();
  const [cpu, started] = [process.cpuUsage(), performance.now()];
  for (const event of events) {
    const { outcome } = await runProcedure(
      aggregateMetrics,
      { db: bench.operator, ...clock },
      { input: { batches: readDeliveries(event) } },
    );
    assert.equal(outcome, 'succeeded');
  }
  const [{ user, system }, ms] = [process.cpuUsage(cpu), performance.now() - started];
  return { rows: (await rowsWritten()) - before, cpu_ms: (user + system) / 1000, ms };
}

test('a thousand lines: few rows in one batch, and never more than some for each batch', async () => {
  await costOf('warm', 100);
  const whole = await costOf('whole', lineCount);
  const ten = await costOf('ten', 10);
  const single = await costOf('single', 1);
  const [batches, total] = await Promise.all([
    bench.operator.sql<
      { bytes: number }[]
    >`select pg_total_relation_size('metric_batches')::float8 / (select sum(cardinality(lines)) from metric_batches) as bytes`,
    listTotals(bench.operator).then(
      (totals) => totals.find(({ name, status }) => name === 'http_requests_total' && status === '200')?.value,
    ),
  ]);
  assert.equal(total, 4 * (lineCount - lineCount / 50));
  // Seven series of a token request and its refusals, in at most four minutes, and their totals.
  assert.ok(whole.rows <= 1 + 7 * 5, `${whole.rows}`);
  assert.ok(ten.rows <= 100 * (1 + 2 * 7 * 2), `${ten.rows}`);
  assert.ok(single.rows <= 1000 * 11, `${single.rows}`);
  const started = performance.now();
  await listTotals(bench.operator);
  const round = (value: number) => Math.round(value * 10) / 10;
  recordDrill({
    name: 'metrics',
    shows: 'a thousand lines of token requests are added up, in one batch, in batches of ten, and one by one',
    figures: {
      'rows written: one batch': whole.rows,
      'rows written: batches of ten': ten.rows,
      'rows written: one by one': single.rows,
      'processor time of the function, ms: one batch': round(whole.cpu_ms),
      'processor time of the function, ms: batches of ten': round(ten.cpu_ms),
      'processor time of the function, ms: one by one': round(single.cpu_ms),
      'time, ms: one batch': round(whole.ms),
      'time, ms: batches of ten': round(ten.ms),
      'time, ms: one by one': round(single.ms),
      'bytes kept of each line for a week, at most': round(batches[0]?.bytes ?? 0),
      'read for a scrape, ms': round(performance.now() - started),
    },
  });
});
