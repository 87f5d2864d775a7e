/** The outbox of events as their relay sees it: one relays at a time, takes what is due in order, and notes what became of it. */
import type { EventType } from '../event-types.ts';
import type { Database } from './database.ts';

/** An event that waits to be sent. */
export interface OutboxEvent {
  /** A number of 64 bits, as text. */
  readonly sequence: string;
  readonly event_id: string;
  readonly at: Date;
  readonly type: EventType;
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
  await ask(
    'release-relay-lease',
    sql`update event_relay set held_until = now() where holder = ${holder}::uuid and held_until > now()`,
  );
}

/**
 * Events that are due, in order: of each subject none behind one that failed and waits for its next attempt.
 * @param after sequence of the last one that is known
 */
export async function listDueEvents({ ask, sql }: Database, after: string, most: number): Promise<OutboxEvent[]> {
  return ask<OutboxEvent>(
    'list-due-events',
    sql`
      select sequence, event_id, at, type, subject, data, producer, correlation_id, traceparent
      from events e
      where delivered_at is null and set_aside_at is null and sequence > ${after}::bigint
        and (next_attempt_at is null or next_attempt_at <= now())
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
  { ask, sql }: Database,
  holder: string,
  delivered: readonly OutboxEvent[],
  failed: readonly FailedEvent[],
): Promise<Noted> {
  const { texts } = sql.typed;
  const keys = (events: readonly OutboxEvent[]) => sql`
    ${texts(events.map(({ at }) => at.toISOString()))}::timestamptz[], ${texts(events.map(({ sequence }) => sequence))}::bigint[]`;
  const [row] = await ask<Noted>(
    'note-event-outcomes',
    sql`
      with mine as (
        select 1 from event_relay where holder = ${holder}::uuid and held_until > now() for update
      ), delivered as (
        update events e set delivered_at = now()
        from unnest(${keys(delivered)}) as done (at, sequence)
        where e.at = done.at and e.sequence = done.sequence and exists (select from mine)
        returning 1
      ), failed as (
        update events e set attempts = e.attempts + 1,
          next_attempt_at = now() + (${`{${retryMinutes.join(',')}}`}::text::integer[])[least(e.attempts + 1, ${retryMinutes.length}::integer)] * interval '1 minute',
          set_aside_at = case when e.attempts + 1 >= ${mostAttempts}::integer then now() end,
          set_aside_because = case when e.attempts + 1 >= ${mostAttempts}::integer then reason end
        from unnest(${keys(failed.map(({ event }) => event))}, ${texts(failed.map(({ reason }) => reason.slice(0, 500)))}) as broken (at, sequence, reason)
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

export interface Backlog {
  /** Events that wait to be sent. */
  readonly waiting: number;
  /** Of the one that waits for longest; 0 where none does. */
  readonly oldest_seconds: number;
  readonly set_aside: number;
}

export async function measureBacklog({ ask, sql }: Database): Promise<Backlog> {
  const [row] = await ask<Backlog>(
    'measure-event-backlog',
    sql`
      select count(*)::integer as waiting, coalesce(greatest(extract(epoch from now() - min(at)), 0), 0)::float8 as oldest_seconds,
        (select count(*)::integer from events where set_aside_at is not null) as set_aside
      from events where delivered_at is null and set_aside_at is null`,
  );
  return row ?? { waiting: 0, oldest_seconds: 0, set_aside: 0 };
}
