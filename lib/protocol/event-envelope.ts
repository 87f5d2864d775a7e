/** Reads the envelope in which another producer hands an event in: what it is about, its key, and what is passed on as it came. */
import { type EventKind, eventTypes } from '../event-types.ts';
import { Refusal } from './errors.ts';
import { isStorable } from './storable.ts';

/** An event of another producer, checked. */
export interface HandedEvent {
  /** Undefined where the producer gave it none. */
  readonly event_id: string | undefined;
  /** By which it is taken once; undefined where there is neither a key nor an id. */
  readonly idempotency_key: string | undefined;
  readonly type: string;
  /** `users/…` or `clients/…`; null where it is about nobody: then it has no order. */
  readonly subject: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly correlation_id: string | undefined;
  /** W3C Trace Context. */
  readonly traceparent: string | undefined;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const severities: readonly unknown[] = ['info', 'warning', 'error'] satisfies EventKind['severity'][];

interface Form {
  accepts(value: unknown): boolean;
  readonly allowed: string;
}

const like = (pattern: RegExp, allowed: string): Form => ({
  accepts: (value) => typeof value === 'string' && pattern.test(value),
  allowed,
});
const instant: Form = {
  accepts: (value) =>
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
  allowed: 'an instant such as 2026-11-25T08:30:00Z (RFC 3339 section 5.6)',
};
/** Levels of what a producer passes on. */
const deepest = 32;
const object: Form = {
  accepts: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  allowed: 'an object',
};
/** What is passed on as it came. */
const passedOn: Form = {
  accepts: (value) => object.accepts(value) && isStorable(value, deepest),
  allowed: `an object of at most ${deepest} levels, without NUL characters and half surrogate pairs`,
};
const printable = (longest: number) =>
  like(new RegExp(`^[\\x21-\\x7e]{1,${longest}}$`), `1 to ${longest} printable ASCII characters without spaces`);

const key = printable(200);

/** Members of the event; types of this server have no dot, so that nobody can hand in what only it may say. */
const eventForms: Readonly<Record<string, Form>> = {
  id: like(uuid, 'a UUID'),
  type: like(/^(?=.{3,100}$)[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+$/, 'a name with a dot, such as billing.invoice_paid'),
  timestamp: instant,
  severity: { accepts: (value) => severities.includes(value), allowed: severities.join(', ') },
  user_id: like(uuid, 'the subject identifier of an end-user'),
  client_id: printable(200),
  metadata: passedOn,
};

const envelopeForms: Readonly<Record<string, Form>> = {
  event: object,
  idempotency_key: key,
  traceparent: like(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/, 'a W3C traceparent'),
  tracestate: like(/^[\x20-\x7e]{1,512}$/, 'a W3C tracestate'),
  correlation_id: printable(200),
  producer: printable(200),
  produced_at: instant,
  attributes: passedOn,
};

/** @throws {Refusal} for a member that is unknown or of another form */
function check(members: Readonly<Record<string, unknown>>, forms: Readonly<Record<string, Form>>, path: string): void {
  for (const [name, value] of Object.entries(members)) {
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    if (!form) throw new Refusal('invalid_request', `${path}${name} is unknown; allowed: ${Object.keys(forms).join(', ')}.`);
    if (!form.accepts(value))
      throw new Refusal('invalid_request', `${path}${name} is not as it should be; allowed: ${form.allowed}.`);
  }
}

/**
 * @param body of the request
 * @param headerKey its `Idempotency-Key`, which goes before that of the envelope, and this before the event's id
 * @throws {Refusal} invalid_request, naming the member
 */
export function readEnvelope(body: Readonly<Record<string, unknown>>, headerKey: string | undefined): HandedEvent {
  check(body, envelopeForms, '');
  const { event, idempotency_key, traceparent, correlation_id, ...passed } = body as Record<string, string | undefined> & {
    event?: Record<string, unknown>;
  };
  if (event === undefined) throw new Refusal('invalid_request', 'event is missing.');
  check(event, eventForms, 'event.');
  const { id, type, user_id, client_id, ...told } = event as Record<string, string | undefined>;
  if (type === undefined) throw new Refusal('invalid_request', 'event.type is missing.');
  if (headerKey !== undefined && !key.accepts(headerKey))
    throw new Refusal('invalid_request', `The header Idempotency-Key is not as it should be; allowed: ${key.allowed}.`);
  const about = {
    ...(user_id !== undefined && { user_id: user_id.toLowerCase() }),
    ...(client_id !== undefined && { client_id }),
  };
  return {
    event_id: id?.toLowerCase(),
    idempotency_key: headerKey ?? idempotency_key ?? id?.toLowerCase(),
    type,
    subject: about.user_id !== undefined ? `users/${about.user_id}` : client_id !== undefined ? `clients/${client_id}` : null,
    data: { ...told, ...about, ...passed },
    correlation_id,
    traceparent,
  };
}

/** How grave an event is: by its type, or as another producer says. */
export function severityOf(type: string, data: Readonly<Record<string, unknown>>): EventKind['severity'] {
  if (Object.hasOwn(eventTypes, type)) return eventTypes[type as keyof typeof eventTypes].severity;
  // A release of before may have written a type that this one does not know.
  return severities.includes(data.severity) ? (data.severity as EventKind['severity']) : 'info';
}
