/** What the dead-letter queues of a stage keep: as Lambda, EventBridge Scheduler and EventBridge write it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RawLetter, readLetter } from '../../lib/observe/read-letter.ts';

const sent_at = '2026-11-25T03:00:00.000Z';
const read = (body: unknown, attributes: RawLetter['attributes'] = {}) =>
  readLetter({ body: typeof body === 'string' ? body : JSON.stringify(body), attributes, sent_at }, 'production');
const arn = (name: string) => `arn:aws:lambda:eu-central-1:111122223333:function:oauth2-production-${name}`;

test('a run that failed every time: its procedure, whatever alias it was called by, and its error in one line', () => {
  const failed = {
    version: '1.0',
    timestamp: '2026-11-25T02:15:04.000Z',
    requestContext: { functionArn: `${arn('backup')}:live`, condition: 'RetriesExhausted', approximateInvokeCount: 3 },
    requestPayload: { input: { kind: 'daily' }, apply: true, actor: 'schedule' },
    responsePayload: { errorType: 'Error', errorMessage: 'backup: the bucket refuses it\n    at handler' },
  };
  const expected = { kind: 'run', what: 'backup', at: '2026-11-25T02:15:04.000Z', why: 'backup: the bucket refuses it' };
  assert.deepEqual(read(failed), expected);
  assert.deepEqual(read({ ...failed, requestContext: { ...failed.requestContext, functionArn: arn('backup') } }), expected);
});

test('a run that became too old before it began has no answer: why is what Lambda says', () => {
  const { what, why, at } = read({ requestContext: { functionArn: arn('purge-expired'), condition: 'EventAgeExceeded' } });
  assert.deepEqual([what, why, at], ['purge-expired', 'EventAgeExceeded', sent_at]);
});

test('a run that never reached its function: its target and its error are beside the body, which is its order', () => {
  const order = { input: {}, apply: true, reason: 'scheduled', actor: 'schedule' };
  const attributes = { TARGET_ARN: `${arn('relay-events')}:live`, ERROR_CODE: 'AccessDenied', ERROR_MESSAGE: 'may not invoke' };
  assert.deepEqual(read(order, attributes), { kind: 'run', what: 'relay-events', at: sent_at, why: 'may not invoke' });
  const { why, at } = read(order, { TARGET_ARN: attributes.TARGET_ARN, SCHEDULED_TIME: '2026-11-25T02:00:00Z' });
  assert.deepEqual([why, at], ['it never reached its function', '2026-11-25T02:00:00Z']);
});

test('an event that the bus could not keep: its type, and the time of what it tells', () => {
  const event = { 'detail-type': 'user_logout', time: '2026-11-25T02:59:59Z', detail: { time: '2026-11-25T02:59:00.123Z' } };
  assert.deepEqual(read(event, { ERROR_MESSAGE: 'key disabled' }), {
    kind: 'event',
    what: 'user_logout',
    at: '2026-11-25T02:59:00.123Z',
    why: 'key disabled',
  });
  assert.deepEqual(read({ ...event, detail: {} }).at, '2026-11-25T02:59:59Z');
  assert.equal(read({ 'detail-type': 'user_logout', time: 'yesterday' }).at, sent_at);
});

test('what is of no known kind, or of another stage, is told as such, and nothing of its body', () => {
  for (const body of [
    'no JSON',
    '[]',
    'null',
    '{}',
    { requestContext: { functionArn: arn('x').replace('production', 'dev') } },
  ]) {
    const { kind, what, why } = read(body);
    assert.deepEqual([kind, what, why], ['unknown', '–', 'not of a kind that is known here']);
  }
});
