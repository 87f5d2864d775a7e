/** Questions about the events that were recorded: their health, lists of them, and those that were set aside. */
import type { RecordedType } from '../event-types.ts';
import type { Database } from './database.ts';
import type { OutboxEvent } from './event-relay.ts';

/** Waiting events are counted up to here: who asks for the health of events is not known. */
export const countedUpTo = 10_000;

export interface EventHealth {
  readonly backlog: number;
  readonly oldest_seconds: number;
  readonly set_aside: number;
  readonly last_delivered_at: Date | null;
  readonly last_failed_at: Date | null;
  /** Since when the trail lacks changes; null where there is none. */
  readonly trail_age_seconds: number | null;
}

/** How the delivery of events is doing, in one statement that reads little. */
export async function readEventHealth({ ask, sql }: Database): Promise<EventHealth> {
  const [row] = await ask<EventHealth>(
    'read-event-health',
    sql`
      select
        (select count(*)::integer from (select from events where delivered_at is null and set_aside_at is null limit ${countedUpTo}) as few) as backlog,
        coalesce((select greatest(extract(epoch from now() - at), 0) from events where delivered_at is null and set_aside_at is null
          order by sequence limit 1), 0)::float8 as oldest_seconds,
        (select count(*)::integer from (select from events where set_aside_at is not null limit ${countedUpTo}) as few) as set_aside,
        last_delivered_at, last_failed_at,
        extract(epoch from now() - trail_complete_to)::float8 as trail_age_seconds
      from event_relay`,
  );
  return (
    row ?? { backlog: 0, oldest_seconds: 0, set_aside: 0, last_delivered_at: null, last_failed_at: null, trail_age_seconds: null }
  );
}

export interface StoredEvent extends OutboxEvent {
  readonly attempts: number;
  readonly delivered_at: Date | null;
  readonly next_attempt_at: Date | null;
  readonly set_aside_at: Date | null;
  readonly set_aside_because: string | null;
}

export interface EventSelection {
  readonly types?: readonly RecordedType[];
  readonly subject?: string;
  readonly set_aside?: boolean;
  /** Instead of those that were set aside: those of a time that were delivered already. */
  readonly delivered?: { readonly from: Date; readonly to: Date };
}

type Fragment = ReturnType<Database['sql']>;

function selected({ sql }: Database, { types, subject, set_aside, delivered }: EventSelection): Fragment {
  return sql`
    ${types === undefined ? sql`true` : sql`type = any(${sql.typed.texts([...types])})`}
    and ${subject === undefined ? sql`true` : sql`subject = ${subject}`}
    and ${set_aside ? sql`set_aside_at is not null` : sql`true`}
    and ${delivered ? sql`at >= ${delivered.from} and at <= ${delivered.to} and delivered_at is not null` : sql`true`}`;
}

const columns = ({ sql }: Database): Fragment => sql`
  sequence, event_id, at, type, subject, data, producer, correlation_id, traceparent, attempts, delivered_at, next_attempt_at, set_aside_at,
  set_aside_because`;

/** Events by their time. @param after time and sequence of the last one that is known, to go on behind it */
export async function listEvents(
  db: Database,
  selection: EventSelection,
  since: Date,
  after: readonly [at: Date, sequence: string] | undefined,
  most: number,
): Promise<StoredEvent[]> {
  const { sql } = db;
  return db.ask<StoredEvent>(
    'list-events',
    sql`
      select ${columns(db)} from events
      where at >= ${since} and ${selected(db, selection)}
        and ${after === undefined ? sql`true` : sql`(at, sequence) > (${after[0]}::timestamptz, ${after[1]}::bigint)`}
      order by at, sequence limit ${most}`,
  );
}

/** The last events, oldest first. */
export async function listLastEvents(db: Database, selection: EventSelection, since: Date, most: number): Promise<StoredEvent[]> {
  const rows = await db.ask<StoredEvent>(
    'list-last-events',
    db.sql`
      select ${columns(db)} from events
      where at >= ${since} and ${selected(db, selection)}
      order by at desc, sequence desc limit ${most}`,
  );
  return rows.reverse();
}

/** Of a selection, what can be sent again: of those that were set aside, unless it is of a time. */
const again = (selection: EventSelection): EventSelection => ({ ...selection, set_aside: selection.delivered === undefined });

/** How many of each type can be sent again. */
export async function countRepeatable(db: Database, selection: EventSelection): Promise<{ type: RecordedType; count: number }[]> {
  return db.ask<{ type: RecordedType; count: number }>(
    'count-repeatable-events',
    db.sql`
      select type, count(*)::integer as count from events
      where ${selected(db, again(selection))} group by type order by type`,
  );
}

/** Where in the order of events somebody is. */
export interface EventPlace {
  readonly at: Date;
  readonly sequence: string;
}

/**
 * Lets the next events of a selection be sent again, as if they had never been tried.
 * @param behind where the ones before ended: what the relay has sent once more meanwhile is not met again
 * @returns how many, and where they end; undefined where there is none
 */
export async function retryNextEvents(
  db: Database,
  selection: EventSelection,
  behind: EventPlace | undefined,
  most: number,
): Promise<(EventPlace & { readonly count: number }) | undefined> {
  const { sql } = db;
  const [row] = await db.ask<EventPlace & { count: number }>(
    'retry-events',
    sql`
      with due as (
        select at, sequence from events
        where ${selected(db, again(selection))}
          and ${behind === undefined ? sql`true` : sql`(at, sequence) > (${behind.at}::timestamptz, ${behind.sequence}::bigint)`}
        order by at, sequence limit ${most}
      ), retried as (
        update events e set set_aside_at = null, set_aside_because = null, attempts = 0, next_attempt_at = null, delivered_at = null
        from due where e.at = due.at and e.sequence = due.sequence returning e.at, e.sequence
      )
      select (select count(*)::integer from retried) as count, at, sequence::text from retried order by at desc, retried.sequence desc limit 1`,
  );
  return row;
}
