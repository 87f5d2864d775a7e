/** The outbox of events as their relay sees it: one relays at a time, takes what is due in order, and notes what became of it. */
import type { RecordedType } from '../event-types.ts';
import type { Database } from './database.ts';
import { countedUpTo } from './events.ts';

/** An event that waits to be sent. */
export interface OutboxEvent {
  /** A number of 64 bits, as text. */
  readonly sequence: string;
  readonly event_id: string;
  readonly at: Date;
  readonly type: RecordedType;
  /** Null where it is about nobody who is known: then it has no order. */
  readonly subject: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly producer: string;
  readonly correlation_id: string | null;
  readonly traceparent: string | null;
}

/** Minutes until the next attempt, by how many failed before; the last goes on. */
export const retryMinutes = [1, 2, 4, 8, 16, 32, 60] as const;
/** After so many attempts an event is set aside, about six hours after the first. */
export const mostAttempts = 12;

/** Longer than a run, so that none begins while another one is under way; seconds. */
const leaseSeconds = 75;

/** @returns whether the holder may relay: nobody else does */
export async function takeLease({ ask, sql }: Database, holder: string): Promise<boolean> {
  const rows = await ask(
    'take-relay-lease',
    sql`
      update event_relay set holder = ${holder}::uuid, held_until = now() + make_interval(secs => ${leaseSeconds})
      where held_until is null or held_until <= now() returning 1`,
  );
  return rows.length === 1;
}

export async function releaseLease({ ask, sql }: Database, holder: string): Promise<void> {
  await ask('release-relay-lease', sql`update event_relay set holder = null, held_until = null where holder = ${holder}::uuid`);
}

/**
 * Events that are due, in order: of each subject none behind one that failed and waits for its next attempt.
 * @param after sequence of the last one that is known
 * @param trailed whether only those count that are in the trail
 */
export async function listDueEvents(
  { ask, sql }: Database,
  after: string,
  most: number,
  trailed: boolean,
): Promise<OutboxEvent[]> {
  return ask<OutboxEvent>(
    'list-due-events',
    sql`
      select sequence, event_id, at, type, subject, data, producer, correlation_id, traceparent
      from events e
      where delivered_at is null and set_aside_at is null and sequence > ${after}::bigint
        and (next_attempt_at is null or next_attempt_at <= now()) and (trailed_at is not null or not ${trailed}::boolean)
        and not exists (
          select from events w
          where w.subject = e.subject and w.sequence < e.sequence and w.next_attempt_at > now()
            and w.delivered_at is null and w.set_aside_at is null
        )
      order by sequence limit ${most}`,
  );
}

export interface FailedEvent {
  readonly event: OutboxEvent;
  readonly reason: string;
}

export interface Noted {
  /** Whether the lease was still held; otherwise nothing was written. */
  readonly held: boolean;
  /** Events that were set aside now. */
  readonly set_aside: number;
}

/** Notes which events were delivered, and which failed: those wait for their next attempt or are set aside. */
export async function noteOutcomes(
  db: Database,
  holder: string,
  delivered: readonly OutboxEvent[],
  failed: readonly FailedEvent[],
): Promise<Noted> {
  const { sql } = db;
  const [row] = await db.ask<Noted>(
    'note-event-outcomes',
    sql`
      with mine as (
        select 1 from event_relay where holder = ${holder}::uuid and held_until > now() for update
      ), delivered as (
        update events e set delivered_at = now()
        from unnest(${keysOf(db, delivered)}) as done (at, sequence)
        where e.at = done.at and e.sequence = done.sequence and exists (select from mine)
        returning 1
      ), failed as (
        update events e set attempts = e.attempts + 1,
          next_attempt_at = now() + (${`{${retryMinutes.join(',')}}`}::text::integer[])[least(e.attempts + 1, ${retryMinutes.length}::integer)] * interval '1 minute',
          set_aside_at = case when e.attempts + 1 >= ${mostAttempts}::integer then now() end,
          set_aside_because = case when e.attempts + 1 >= ${mostAttempts}::integer then reason end
        from unnest(${keysOf(
          db,
          failed.map(({ event }) => event),
        )}, ${sql.typed.texts(failed.map(({ reason }) => reason.slice(0, 500)))}) as broken (at, sequence, reason)
        where e.at = broken.at and e.sequence = broken.sequence and exists (select from mine)
        returning e.set_aside_at
      ), noted as (
        update event_relay set
          last_delivered_at = case when exists (select from delivered) then now() else last_delivered_at end,
          last_failed_at = case when exists (select from failed) then now() else last_failed_at end
        where exists (select from mine)
      )
      select exists (select from mine) as held, (select count(*)::integer from failed where set_aside_at is not null) as set_aside`,
  );
  return row ?? { held: false, set_aside: 0 };
}

/** Notes that the bus took nothing. */
export async function noteBusFailure({ ask, sql }: Database, holder: string): Promise<void> {
  await ask('note-bus-failure', sql`update event_relay set last_failed_at = now() where holder = ${holder}::uuid`);
}

/** Keys of events, as arguments of unnest. */
const keysOf = ({ sql }: Database, events: readonly OutboxEvent[]) => sql`
  ${sql.typed.texts(events.map(({ at }) => at.toISOString()))}::timestamptz[],
  ${sql.typed.texts(events.map(({ sequence }) => sequence))}::bigint[]`;

export interface Untrailed {
  readonly events: readonly OutboxEvent[];
  /** The instant of the question: every change that was committed before it was seen. */
  readonly read_at: Date;
  /** The last number that was given to an event by then, committed or not; of 64 bits, as text. */
  readonly given: string;
}

/** Events that are not in the trail yet, in order. */
export async function listUntrailedEvents({ ask, sql }: Database, most: number): Promise<Untrailed> {
  const rows = await ask<OutboxEvent & Omit<Untrailed, 'events'>>(
    'list-untrailed-events',
    sql`
      select statement_timestamp() as read_at, given.last_value::text as given, e.*
      from events_sequence_seq as given left join (
        select sequence, event_id, at, type, subject, data, producer, correlation_id, traceparent from events
        where delivered_at is null and set_aside_at is null and trailed_at is null
        order by sequence limit ${most}
      ) as e on true
      order by e.sequence`,
  );
  const [{ read_at, given } = { read_at: new Date(0), given: '0' }] = rows;
  return { events: rows.filter(({ event_id }) => event_id !== null), read_at, given };
}

/** Notes that events are in the trail. @returns false where the lease is another one's by now: then nothing was noted */
export async function noteTrailed(db: Database, holder: string, events: readonly OutboxEvent[]): Promise<boolean> {
  const rows = await db.ask(
    'note-trailed-events',
    db.sql`
      with mine as (
        select 1 from event_relay where holder = ${holder}::uuid and held_until > now() for update
      ), noted as (
        update events e set trailed_at = now() from unnest(${keysOf(db, events)}) as done (at, sequence)
        where e.at = done.at and e.sequence = done.sequence and exists (select from mine)
      )
      select 1 from mine`,
  );
  return rows.length === 1;
}

/** Notes up to when the trail is complete. @returns since when it is, undefined where the lease is another one's */
export async function noteTrailComplete({ ask, sql }: Database, holder: string, to: Date): Promise<Date | undefined> {
  const rows = await ask<{ trail_since: Date }>(
    'note-trail-complete',
    sql`
      update event_relay set trail_since = coalesce(trail_since, ${to}), trail_complete_to = ${to}
      where holder = ${holder}::uuid and held_until > now() returning trail_since`,
  );
  return rows[0]?.trail_since;
}

/** Lets the trail begin anew: what a restored database does not know of may be missing in it. */
export async function forgetTrail({ ask, sql }: Database): Promise<void> {
  // A backup of an older schema knows of no trail.
  await ask(
    'forget-trail',
    sql`
      do $$ begin
        update event_relay set trail_since = null, trail_complete_to = null, held_until = null;
      exception when undefined_column or undefined_table then null;
      end $$`,
  );
}

export interface Backlog {
  /** Events that wait to be sent, counted up to `countedUpTo`. */
  readonly waiting: number;
  /** Of the first one that waits; 0 where none does. */
  readonly oldest_seconds: number;
  /** Counted so too. */
  readonly set_aside: number;
}

export async function measureBacklog({ ask, sql }: Database): Promise<Backlog> {
  const [row] = await ask<Backlog>(
    'measure-event-backlog',
    sql`
      select (select count(*)::integer from (select from events where delivered_at is null and set_aside_at is null limit ${countedUpTo}) as few) as waiting,
        coalesce((select greatest(extract(epoch from now() - at), 0) from events where delivered_at is null and set_aside_at is null
          order by sequence limit 1), 0)::float8 as oldest_seconds,
        (select count(*)::integer from (select from events where set_aside_at is not null limit ${countedUpTo}) as few) as set_aside`,
  );
  return row ?? { waiting: 0, oldest_seconds: 0, set_aside: 0 };
}
