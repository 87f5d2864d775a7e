/** Schedules: when an expression is due, and that it fires then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, startSchedules } from '../../lib/local/schedule.ts';
import { readSchedule } from '../../lib/local/schedule-expression.ts';

/** A clock whose time moves when it is told to. */
class HandClock implements Clock {
  #now = 0;
  #timers: { due: number; run: () => void }[] = [];
  now(): number {
    return this.#now;
  }
  later(milliseconds: number, run: () => void): () => void {
    assert.ok(milliseconds < 2 ** 31, 'no timer takes longer');
    const timer = { due: this.#now + milliseconds, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timer);
    };
  }
  moveTo(time: number): void {
    for (;;) {
      const [next] = this.#timers.filter((timer) => timer.due <= time).sort((a, b) => a.due - b.due);
      if (!next) break;
      this.#timers = this.#timers.filter((one) => one !== next);
      this.#now = next.due;
      next.run();
    }
    this.#now = time;
  }
  /** As when the machine slept: timers fire late. */
  sleepUntil(time: number): void {
    this.#now = time;
    for (const timer of this.#timers.splice(0)) timer.run();
  }
}

const spec = (expression: string, timezone = 'UTC') => ({ name: 'task', expression, timezone, function: 'f', input: '{"a":1}' });
const hour = 3_600_000;

test('a rate fires after each interval, with its function and input', () => {
  const clock = new HandClock();
  const fired: number[] = [];
  const stop = startSchedules(
    [spec('rate(1 hour)')],
    (one) => fired.push(clock.now()) && assert.equal(one.input, '{"a":1}'),
    clock,
  );
  clock.moveTo(3.5 * hour);
  assert.deepEqual(fired, [hour, 2 * hour, 3 * hour]);
  stop();
  clock.moveTo(10 * hour);
  assert.equal(fired.length, 3);
});

test('a rate beyond the longest timer fires on its day', () => {
  const clock = new HandClock();
  const fired: number[] = [];
  startSchedules([spec('rate(30 days)')], () => fired.push(clock.now()), clock);
  clock.moveTo(61 * 24 * hour);
  assert.deepEqual(fired, [30 * 24 * hour, 60 * 24 * hour]);
});

test('what was missed while the machine slept is not made up for', () => {
  const clock = new HandClock();
  const fired: number[] = [];
  startSchedules([spec('rate(1 hour)')], () => fired.push(clock.now()), clock);
  clock.sleepUntil(10 * hour);
  clock.moveTo(11 * hour);
  assert.deepEqual(fired, [10 * hour, 11 * hour]);
});

for (const [expression, after, due] of [
  ['cron(0 3 * * ? *)', '2026-01-01T03:00:00Z', '2026-01-02T03:00:00Z'],
  ['cron(*/15 * * * ? *)', '2026-01-01T03:01:00Z', '2026-01-01T03:15:00Z'],
  ['cron(30 8-9 ? * MON-FRI *)', '2026-01-02T09:30:00Z', '2026-01-05T08:30:00Z'],
  ['cron(0 0 29 2 ? *)', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['cron(5,35 12 1 JAN,JUL ? 2027)', '2026-01-01T00:00:00Z', '2027-01-01T12:05:00Z'],
] as const)
  test(`${expression} after ${after} is due at ${due}`, () => {
    assert.equal(new Date(readSchedule(expression)(Date.parse(after)) ?? 0).toISOString(), due.replace('Z', '.000Z'));
  });

test('a schedule whose years are over is never due', () => {
  assert.equal(readSchedule('cron(0 0 1 1 ? 2020)')(Date.parse('2026-01-01T00:00:00Z')), undefined);
});

for (const expression of [
  'rate(0 hours)',
  'rate(1 week)',
  'cron(0 3 L * ? *)',
  'cron(61 * * * ? *)',
  'cron(* * * *)',
  'at(2026-01-01T00:00:00)',
])
  test(`${expression} is refused with what is understood`, () => {
    assert.throws(() => readSchedule(expression), /understood are rate/);
  });

test('another time zone than UTC is refused', () => {
  assert.throws(
    () => startSchedules([spec('rate(1 hour)', 'Europe/Vienna')], () => {}, new HandClock()),
    /time zone Europe\/Vienna/,
  );
});
