/** Events conform to CloudEvents 1.0.2 and carry the envelope by which consumers take each once, in order, and with its trace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventTypeNames } from '../../lib/event-types.ts';
import { type RecordedEvent, toCloudEvent } from '../../lib/protocol/cloud-event.ts';

const recorded: RecordedEvent = {
  sequence: '42',
  event_id: '6f1d2f6e-9e5a-4f3f-9d53-2f0a3a0f8a11',
  at: new Date('2026-11-23T08:30:00.123Z'),
  type: 'user_authentication_failed',
  subject: 'users/8d0c0a52-0a53-4a0c-8b6e-2f1f0f4b7a10',
  data: { user_id: '8d0c0a52-0a53-4a0c-8b6e-2f1f0f4b7a10' },
  producer: 'oauth2-production-login',
  correlation_id: 'request-1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};
const issuer = 'https://auth.example.com';

test('CloudEvents 1.0.2 §Required Attributes: id, source, specversion and type are texts that are not empty', () => {
  const event = toCloudEvent(recorded, issuer);
  assert.equal(event.specversion, '1.0');
  for (const name of ['id', 'source', 'type'] as const) assert.ok(event[name].length > 0);
  // The source is a URI reference, and with the id it names the event.
  assert.equal(new URL(event.source).href, `${issuer}/`);
});

test('CloudEvents 1.0.2 §Naming Conventions: attributes are lower-case letters and digits, at most 20 of them', () => {
  for (const name of Object.keys(toCloudEvent(recorded, issuer))) assert.match(name, /^[a-z0-9]{1,20}$/);
});

test('CloudEvents 1.0.2 §Optional Attributes: time is RFC 3339, data has its media type, subject is left out where there is none', () => {
  const event = toCloudEvent(recorded, issuer);
  assert.match(event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(event.datacontenttype, 'application/json');
  assert.equal(event.subject, recorded.subject);
  const bare = toCloudEvent({ ...recorded, subject: null, correlation_id: null, traceparent: null }, issuer);
  for (const name of ['subject', 'correlationid', 'traceparent']) assert.equal(name in bare, false, name);
  // An attribute is never null: what is not known is not there.
  for (const value of Object.values(bare)) assert.ok(value !== null && value !== undefined);
});

test('CloudEvents Sequence extension: as text, a later sequence comes after an earlier one', () => {
  const sequences = ['9', '10', '99', '100', '9223372036854775807'].map(
    (sequence) => toCloudEvent({ ...recorded, sequence }, issuer).sequence,
  );
  assert.deepEqual(sequences.toSorted(), sequences);
});

test('the envelope: idempotency key, trace, correlation id, producer and severity', () => {
  const { idempotencykey, traceparent, correlationid, producer, severity } = toCloudEvent(recorded, issuer);
  assert.deepEqual(
    { idempotencykey, traceparent, correlationid, producer, severity },
    {
      idempotencykey: recorded.event_id,
      traceparent: recorded.traceparent,
      correlationid: 'request-1',
      producer: 'oauth2-production-login',
      severity: 'warning',
    },
  );
  for (const type of eventTypeNames) assert.match(toCloudEvent({ ...recorded, type }, issuer).severity, /^(info|warning|error)$/);
  assert.equal(toCloudEvent({ ...recorded, type: 'of_another_release' as never }, issuer).severity, 'info');
});
