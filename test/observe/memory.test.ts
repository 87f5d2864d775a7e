/** A sandbox that has taken most of its memory says so, once a minute, and says which one it is. */
import assert from 'node:assert/strict';
import { after, afterEach, mock, test } from 'node:test';
import { watchMemory } from '../../lib/telemetry.ts';
import { captureOutput } from '../support/output.ts';

const output = captureOutput();
const rss = mock.method(process.memoryUsage, 'rss');
const clock = mock.method(performance, 'now', () => minute * 60_000);
/** Each test is an hour after the one before. */
let minute = 60;
afterEach(() => {
  output.clear();
  rss.mock.resetCalls();
  minute += 60;
});
after(() => {
  rss.mock.restore();
  clock.mock.restore();
  output.restore();
});

const take = (mib: number) => rss.mock.mockImplementation(() => mib * 1024 ** 2);
const told = () =>
  output.logs().map(({ message, route, procedure, used_mib, limit_mib }) => [message, route ?? procedure, used_mib, limit_mib]);

test('more than 80 % of it: a line that names the function, and a count for the whole service', () => {
  take(103);
  watchMemory('128', { route: 'token' });
  assert.deepEqual(told(), [['memory', 'token', 103, 128]]);
  const [metric = {}] = output.metrics();
  assert.deepEqual([metric.function_memory_high_total, metric.route], [1, 'token']);
  const { CloudWatchMetrics } = metric._aws as { CloudWatchMetrics: { Dimensions: string[][] }[] };
  assert.deepEqual(CloudWatchMetrics[0]?.Dimensions, [['service']]);
});

test('at 80 % or less, and where nobody limits it, nothing', () => {
  take(102);
  watchMemory('128', { route: 'token' });
  take(500);
  minute += 1;
  watchMemory(undefined, { route: 'token' });
  assert.deepEqual([told(), output.metrics()], [[], []]);
});

test('once a minute, whatever runs meanwhile', () => {
  take(500);
  watchMemory('512', { procedure: 'purge-expired' });
  minute += 0.9;
  watchMemory('512', { procedure: 'purge-expired' });
  assert.equal(told().length, 1);
  minute += 0.2;
  watchMemory('512', { procedure: 'purge-expired' });
  assert.deepEqual(told().at(-1), ['memory', 'purge-expired', 500, 512]);
  assert.equal(told().length, 2);
});

test('a look costs something: one a second is enough', () => {
  take(100);
  for (let request = 0; request < 50; request++) {
    minute += 0.001;
    watchMemory('512', { route: 'jwks' });
  }
  assert.equal(rss.mock.callCount(), 3);
});
