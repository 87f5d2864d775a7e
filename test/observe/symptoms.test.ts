/** What is otherwise than in the time before, from numbers: each symptom just above its limit, and none just below. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addUnanswered, compareRoutes, findSymptoms } from '../../lib/observe/symptoms.ts';
import { stepOf, type Traffic, windowOf } from './windows.ts';

const usual: Traffic[] = [{ status: 200, requests: 1000 }];

function symptoms(now: readonly Traffic[], before: readonly Traffic[] = usual): string[] {
  return findSymptoms(windowOf(now, 1), windowOf(before)).map(({ symptom, since }) =>
    since === null ? symptom : `${symptom} ${since}`,
  );
}

test('two hours alike have none', () => {
  assert.deepEqual(symptoms(usual), []);
  assert.deepEqual(symptoms([], []), []);
});

test('more than 5 % of 5xx, or three times as much as before, is one; it is dated by the step in which it began', () => {
  const failing = (failed: number): Traffic[] => [
    { status: 200, requests: 1000 - failed },
    { status: 503, requests: failed, steps: [6, 12] },
  ];
  assert.deepEqual(symptoms(failing(51)), [`requests fail ${stepOf(6)}`]);
  assert.deepEqual(symptoms(failing(51), failing(51)), [`requests fail ${stepOf(6)}`]);
  assert.deepEqual(symptoms(failing(12)), [`requests fail ${stepOf(6)}`]);
  assert.deepEqual(symptoms(failing(12), failing(8)), []);
  assert.deepEqual(symptoms(failing(9)), []);
});

test('a p95 above 500 ms, or twice what it was, is one where enough was asked', () => {
  const slow = (seconds: number, requests = 1000): Traffic[] => [
    { status: 200, requests: requests * 0.9 },
    { status: 200, requests: requests * 0.1, seconds, steps: [3, 12] },
  ];
  assert.match(symptoms(slow(0.9)).join(), /^requests are slow 2026-11-25T02:15/);
  assert.deepEqual(symptoms(slow(0.9), slow(0.9)).length, 1);
  assert.deepEqual(symptoms(slow(0.2)).length, 1);
  assert.deepEqual(symptoms(slow(0.2), slow(0.2)), []);
  assert.deepEqual(symptoms(slow(0.9, 10), [{ status: 200, requests: 10 }]), []);
});

test('ten percent more of 4xx than before is one', () => {
  const refused = (count: number): Traffic[] => [
    { status: 200, requests: 1000 - count },
    { status: 401, requests: count, steps: [11, 12] },
  ];
  assert.deepEqual(symptoms(refused(150)), [`requests are refused ${stepOf(11)}`]);
  assert.deepEqual(symptoms(refused(90)), []);
  assert.deepEqual(symptoms(refused(150), refused(120)), []);
});

test('three times as many requests, or a third of them', () => {
  assert.deepEqual(symptoms([{ status: 200, requests: 3001 }]), [`more is asked ${stepOf(0)}`]);
  assert.deepEqual(symptoms([{ status: 200, requests: 2900 }]), []);
  assert.deepEqual(symptoms([{ status: 200, requests: 330 }]), ['less is asked']);
  assert.deepEqual(symptoms([{ status: 200, requests: 340 }]), []);
  assert.deepEqual(symptoms([], [{ status: 200, requests: 19 }]), []);
});

test('routes are compared by method and status, with what changed most first', () => {
  const now = windowOf([...usual, { route: 'introspect', status: 503, requests: 40, seconds: 2 }], 1);
  const before = windowOf([
    { status: 200, requests: 990 },
    { route: 'login', status: 200, requests: 5 },
  ]);
  assert.deepEqual(
    compareRoutes(now, before).map(({ route, status, requests, requests_before }) => [route, status, requests, requests_before]),
    [
      ['introspect', '503', 40, 0],
      ['token', '200', 1000, 990],
      ['login', '200', 0, 5],
    ],
  );
  const [first] = compareRoutes(now, before);
  assert.ok((first?.p95_ms ?? 0) > 1000);
  assert.equal(first?.p95_before_ms, null);
});

test('what the gateway answered and no function counted fails, is dated, and is no lack of requests', () => {
  const gateway = Array.from({ length: 12 }, (_, step) => ({ step, requests: 100, failed: step < 6 ? 0 : 100 }));
  const now = { ...windowOf([{ status: 200, requests: 600, steps: [0, 6] }], 1), gateway };
  const before = { ...windowOf([{ status: 200, requests: 1200 }]), gateway: [{ step: 0, requests: 1200, failed: 0 }] };
  assert.deepEqual(findSymptoms(now, before), [
    { symptom: 'requests fail', seen: '5xx: 600 of 1200 (50 %), before 0 of 1200 (0 %)', since: stepOf(6) },
  ]);
  assert.deepEqual(symptoms([], [{ status: 200, requests: 1200 }]), ['less is asked']);
});

test('a crash or a throttle of an endpoint is a request that failed, however many were answered; of a procedure it is none', () => {
  const crash = (name: string, times: number) => ({ name, times });
  assert.deepEqual(addUnanswered([], [crash('backup', 2)], 0), []);
  assert.deepEqual(addUnanswered([], [crash('token', 1), crash('login', 2)], 7), [
    {
      symptom: 'requests fail',
      seen: 'token crashed once, login crashed 2 times, 7 invocations found no sandbox',
      since: null,
    },
  ]);
  const found = { symptom: 'requests fail', seen: '5xx: 60 of 60 (100 %)', since: stepOf(1) } as const;
  assert.deepEqual(addUnanswered([found], [crash('token', 60)], 0), [
    { ...found, seen: '5xx: 60 of 60 (100 %); token crashed 60 times' },
  ]);
});
