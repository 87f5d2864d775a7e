/** How backups grow, from their sizes and times: a rate, a day on which one no longer fits, and no guess from too little. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeTrend, findTrend, type MeasuredBackup } from '../../lib/observe/backup-trend.ts';

const backup = (day: number, bytes: number, seconds: number, kind = 'daily'): MeasuredBackup => ({
  kind,
  taken_at: new Date(Date.UTC(2026, 0, 1 + day, 2)).toISOString(),
  bytes,
  seconds,
});
const series = (days: number, bytes: number, seconds: number) =>
  Array.from({ length: days }, (_, day) => backup(day, 1000 + day * bytes, 100 + day * seconds));

test('what grows steadily has that rate, and a day on which it no longer fits', () => {
  const trend = findTrend(series(31, 1024 ** 2, 5).toReversed());
  assert.deepEqual([Math.round(trend?.bytes_per_day ?? 0), Math.round((trend?.seconds_per_day ?? 0) * 1000)], [1024 ** 2, 5000]);
  // 100 s on the first day, 5 s more on each: 850 s after 150 days.
  assert.equal(trend?.full_at?.toISOString(), '2026-05-31T02:00:00.000Z');
  assert.match(describeTrend(trend ?? assert.fail()), /^\+1\.0 MiB and \+5\.00 s a day: from 2026-05-31 on one takes longer/);
});

test('what does not grow, or takes ten years and more, goes on to fit', () => {
  for (const backups of [series(10, 0, 0), series(10, -1000, -1), series(10, 1000, 0.1)]) {
    const trend = findTrend(backups);
    assert.equal(trend?.full_at, undefined);
    assert.match(describeTrend(trend ?? assert.fail()), /it goes on to fit$/);
  }
});

test('one that is too slow already is full now', () => {
  const trend = findTrend(series(10, 1, 100));
  assert.equal(trend?.full_at?.toISOString(), backup(9, 0, 0).taken_at);
});

test('few backups, those of one day, and those of a restore say nothing', () => {
  assert.equal(findTrend(series(4, 1, 1)), undefined);
  assert.equal(findTrend(Array.from({ length: 9 }, (_, at) => backup(at / 10, at, at))), undefined);
  assert.equal(findTrend(series(10, 1, 1).map((one) => ({ ...one, kind: 'rewound' }))), undefined);
  assert.equal(findTrend([]), undefined);
});
