/** Describes an event of the outbox as a CloudEvent 1.0, with what its consumers need to take it once and in order. */
import type { EventKind, RecordedType } from '../event-types.ts';
import { severityOf } from './event-envelope.ts';

/** What the outbox knows of an event. */
export interface RecordedEvent {
  readonly sequence: string;
  readonly event_id: string;
  readonly at: Date;
  readonly type: RecordedType;
  readonly subject: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly producer: string;
  readonly correlation_id: string | null;
  readonly traceparent: string | null;
}

/** Names of attributes have lower-case letters and digits alone (CloudEvents 1.0.2, Naming Conventions). */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  /** The issuer. */
  readonly source: string;
  readonly type: RecordedType;
  readonly subject?: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: Readonly<Record<string, unknown>>;
  /** The same in each delivery of the event. */
  readonly idempotencykey: string;
  /** Orders the events of one subject, compared as text (CloudEvents Sequence extension). */
  readonly sequence: string;
  readonly severity: EventKind['severity'];
  readonly producer: string;
  readonly correlationid?: string;
  /** W3C Trace Context (CloudEvents Distributed Tracing extension). */
  readonly traceparent?: string;
}

export function toCloudEvent(event: RecordedEvent, issuer: string): CloudEvent {
  const { event_id, subject, correlation_id, traceparent } = event;
  return {
    specversion: '1.0',
    id: event_id,
    source: issuer,
    type: event.type,
    ...(subject !== null && { subject }),
    time: event.at.toISOString(),
    datacontenttype: 'application/json',
    data: event.data,
    idempotencykey: event_id,
    sequence: event.sequence.padStart(19, '0'),
    severity: severityOf(event.type, event.data),
    producer: event.producer,
    ...(correlation_id !== null && { correlationid: correlation_id }),
    ...(traceparent !== null && { traceparent }),
  };
}
