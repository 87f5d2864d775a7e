/** Rates, shares and percentiles from sums. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketBounds } from '../../lib/metrics.ts';
import { addBuckets, figuresByStep, figuresOf, quantile } from '../../lib/observe/measured.ts';
import { windowOf } from './windows.ts';

const empty = () => Array.from({ length: bucketBounds.length + 1 }, () => 0);
const filled = (counts: Readonly<Record<number, number>>) => empty().map((_, at) => counts[bucketBounds[at] ?? -1] ?? 0);

test('a quantile is even within its bucket, as histogram_quantile of Prometheus computes it', () => {
  // 100 between 0.25 and 0.5: the 95th is 95 % of the way.
  assert.equal(quantile(0.95, filled({ 0.5: 100 })), 0.25 + 0.25 * 0.95);
  assert.equal(quantile(0.5, filled({ 0.001: 10 })), 0.0005);
  assert.ok(Math.abs(Number(quantile(0.95, filled({ 0.1: 90, 0.5: 10 }))) - (0.25 + 0.25 * 0.5)) < 1e-12);
});

test('what is above the highest bound counts as the bound, and nothing at all has no quantile', () => {
  const above = empty();
  above[bucketBounds.length] = 5;
  assert.equal(quantile(0.95, above), 10);
  assert.equal(quantile(0.95, empty()), null);
});

test('buckets of several series add up, of none to zeros', () => {
  assert.deepEqual(
    addBuckets([{ buckets: filled({ 1: 2 }) }, { buckets: null }, { buckets: filled({ 1: 3, 5: 1 }) }]),
    filled({ 1: 5, 5: 1 }),
  );
  assert.deepEqual(addBuckets([]), empty());
});

test('the figures of an hour: rate, shares of 5xx and 4xx, percentiles', () => {
  const { sums } = windowOf([
    { status: 200, requests: 90, seconds: 0.02 },
    { status: 401, requests: 4 },
    { status: 503, requests: 6, seconds: 3 },
  ]);
  const figures = figuresOf(sums, 3600);
  assert.deepEqual([figures.requests, figures.failed, figures.refused], [100, 6, 4]);
  assert.deepEqual([figures.failed_percent, figures.refused_percent], [6, 4]);
  assert.equal(figures.request_rate, 100 / 3600);
  assert.ok((figures.p50_ms ?? 0) < 25 && (figures.p95_ms ?? 0) > 2500);
});

test('without requests shares and percentiles are unknown, not zero', () => {
  const { failed_percent, p95_ms, active_tokens, request_rate } = figuresOf([], 60);
  assert.deepEqual([failed_percent, p95_ms, active_tokens, request_rate], [null, null, null, 0]);
});

test('each step has its own figures, also one in which nothing was measured', () => {
  const steps = figuresByStep(windowOf([{ status: 503, requests: 6, steps: [10, 12] }]));
  assert.deepEqual(
    steps.map(({ failed }) => failed),
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 3],
  );
});
