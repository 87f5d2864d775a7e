/** Writes events as a part of the statement that makes the change: both are there, or neither. */
import type { EventType } from '../event-types.ts';
import type { Database } from './database.ts';

/** What a connection knows about the events that its statements write. */
export interface EventContext {
  /** Whether the filter of the stage lets a type through; what it does not costs nothing. */
  readonly records: (type: EventType) => boolean;
  /** The function that makes the change. */
  readonly producer: string;
  /** Id of the request, as in its log line. */
  readonly correlation_id?: string | undefined;
  /** W3C Trace Context, where the caller sent one. */
  readonly traceparent?: string | undefined;
}

type Fragment = ReturnType<Database['sql']>;

/** An event for each row of a common table expression. */
export interface EventSource {
  readonly type: EventType;
  /** Name of the expression. */
  readonly from: string;
  /** An expression over its columns; see `aboutUser` and `aboutClient`. */
  readonly subject: Fragment;
  /** Arguments of jsonb_build_object: identifiers alone. */
  readonly data: Fragment;
  /** Only for rows that meet this condition. */
  readonly when?: Fragment;
}

export const aboutUser = ({ sql }: Database, subject: Fragment): Fragment => sql`'users/' || ${subject}`;
export const aboutClient = ({ sql }: Database, clientId: Fragment): Fragment => sql`'clients/' || ${clientId}`;

/** Names a token family without telling its id: whoever knows that could make a refresh token that looks reused. */
export const familyName = ({ sql }: Database, familyId: Fragment) => sql`left(encode(sha256(uuid_send(${familyId})), 'hex'), 32)`;

/** What an event tells of a token family that was revoked. */
export const revokedFamily = ({ sql }: Database): Fragment => sql`
  'client_id', client_id, 'user_id', subject, 'session_id', session_id, 'family', left(encode(sha256(uuid_send(family_id)), 'hex'), 32),
  'reason', revoked_because`;

/** What an event tells of a sign-in. */
export const signedIn = (db: Database): Pick<EventSource, 'subject' | 'data'> => ({
  subject: aboutUser(db, db.sql`subject`),
  data: db.sql`'user_id', subject, 'session_id', session_id`,
});

/** What an event tells of a session that ended. */
export const signedOut = (
  db: Database,
  reason: 'another user signed in' | 'signed out' | 'account disabled' | 'password changed',
): Pick<EventSource, 'subject' | 'data'> => ({
  subject: aboutUser(db, db.sql`subject`),
  data: db.sql`'user_id', subject, 'session_id', session_id, 'reason', ${reason}::text`,
});

/** The insertion itself, of those that the filter lets through; undefined where that is none. */
export function insertEvents(db: Database, at: Date, ...sources: EventSource[]): Fragment | undefined {
  const { sql, events } = db;
  const selects = sources
    .filter(({ type }) => events.records(type))
    .map(
      ({ type, from, subject, data, when }) => sql`
        select ${at}::timestamptz, ${type}::text, ${subject}, jsonb_build_object(${data}), ${events.producer}::text,
          ${events.correlation_id ?? null}::text, ${events.traceparent ?? null}::text
        from ${sql(from)} ${when ? sql`where ${when}` : sql``}`,
    );
  const [first, ...rest] = selects;
  if (first === undefined) return undefined;
  return sql`insert into events (at, type, subject, data, producer, correlation_id, traceparent)
    ${rest.reduce((whole, select) => sql`${whole} union all ${select}`, first)}`;
}

/**
 * `, recorded as (…)` behind the common table expressions of a statement; nothing where the filter keeps all of them back.
 * @param at instant of the change
 */
export function andRecord(db: Database, at: Date, ...sources: EventSource[]): Fragment {
  const insert = insertEvents(db, at, ...sources);
  return insert ? db.sql`, recorded as (${insert})` : db.sql``;
}

/** Records an event that goes with no change of the database. */
export async function recordAlone(db: Database, at: Date, type: EventType, subject: string | null, data: object): Promise<void> {
  const { sql, events } = db;
  if (!events.records(type)) return;
  await db.ask(
    'record-event',
    sql`insert into events (at, type, subject, data, producer, correlation_id, traceparent)
      values (${at}, ${type}, ${subject}, ${sql.json(data as never)}, ${events.producer}, ${events.correlation_id ?? null}, ${events.traceparent ?? null})`,
  );
}
