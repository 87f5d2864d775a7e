/** Counting failures in windows of time, on a real Postgres. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { countAttempt, forgiveAttempt } from '../../lib/store/throttles.ts';
import { now, secondsLater } from '../support/protocol-values.ts';
import { atOnce, openStore } from '../support/store.ts';

const store = await openStore();
const { db } = store;
const bucket = () => randomBytes(32);
const failures = async (...given: Parameters<typeof countAttempt>) => (await countAttempt(...given)).map((one) => one.failures);

test('T16: each attempt counts against every bucket it names, in the order they were named', async () => {
  const [one, other] = [bucket(), bucket()];
  assert.deepEqual(await failures(db, [one], 60, now), [1]);
  assert.deepEqual(await failures(db, [other, one], 60, now), [1, 2]);
  assert.deepEqual(await failures(db, [one, other], 60, now), [3, 2]);
});

test('T16: a window lasts from its first failure, and the next failure after it starts another', async () => {
  const one = bucket();
  assert.deepEqual(await countAttempt(db, [one], 60, now), [{ failures: 1, resets_in: 60 }]);
  assert.deepEqual(await countAttempt(db, [one], 60, secondsLater(45.5)), [{ failures: 2, resets_in: 15 }]);
  assert.deepEqual(await countAttempt(db, [one], 60, secondsLater(60)), [{ failures: 1, resets_in: 60 }]);
});

test('T16: a success takes its attempt back and no more', async () => {
  const one = bucket();
  await countAttempt(db, [one], 60, now);
  await countAttempt(db, [one], 60, now);
  await forgiveAttempt(db, [one]);
  assert.deepEqual(await failures(db, [one], 60, now), [2]);
  for (let times = 0; times < 5; times++) await forgiveAttempt(db, [one]);
  assert.deepEqual(await failures(db, [one], 60, now), [1], 'never below zero');
});

test('T16: a bucket that is named twice counts once', async () => {
  const one = bucket();
  assert.deepEqual(await failures(db, [one, one], 60, now), [1, 1]);
  await forgiveAttempt(db, [one, one]);
  assert.deepEqual(await failures(db, [one], 60, now), [1]);
});

test('T16: no bucket, no count', async () => {
  assert.deepEqual(await countAttempt(db, [], 60, now), []);
  await forgiveAttempt(db, [bucket()]);
});

test('T16: 50 attempts at once over ten connections are all counted, and each saw another count', async () => {
  const wide = store.open({ connections: 10 });
  const buckets = [bucket(), bucket(), bucket()];
  const counts = await atOnce(50, (index) => failures(wide, index % 2 === 0 ? buckets : buckets.toReversed(), 60, now));
  for (const position of [0, 1, 2]) {
    const seen = counts.map((count, index) => count[index % 2 === 0 ? position : 2 - position] as number);
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      Array.from({ length: 50 }, (_, index) => index + 1),
    );
  }
});

test('T16: attempts and successes on the same buckets at once never wait for each other in a circle', async () => {
  const wide = store.open({ connections: 10 });
  const buckets = Array.from({ length: 8 }, bucket);
  await atOnce(200, async (index) => {
    const order = index % 2 === 0 ? buckets : buckets.toReversed();
    if (index % 3 === 0) await forgiveAttempt(wide, order);
    else await countAttempt(wide, order, 60, now);
  });
});
