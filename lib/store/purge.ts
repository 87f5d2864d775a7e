/** Deletes rows that nothing will ask for again, in bounded batches that each commit on their own. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from './database.ts';
import { aboutClient, aboutUser, andRecord, familyName } from './event-recording.ts';

const batch = 1000;
/** Blocks of 8 KiB that one step of a sweep reads. */
const blocks = 512;

const hours = (count: number) => count * 3_600_000;
const before = (now: Date, milliseconds: number) => new Date(now.getTime() - milliseconds);

/** What may leave, table by table, and since when. */
export const retention = {
  /** A redeemed code stays this long past its expiry, so that a replay still ends its family. */
  codes_ms: hours(24),
  /** Longer than any access token lives, and so than anything that still refers to the row. */
  families_ms: hours(48),
  /** A revoked family stays for questions about why somebody was signed out. */
  revoked_families_ms: hours(24 * 7),
  sessions_ms: hours(24),
  devices_ms: hours(24 * 365),
  /** Days after the last attempt; a notice to a client that is gone is never tried to the end. */
  notices_ms: hours(24 * 7),
  /** Longer than any access token lives. */
  checks_ms: hours(48),
  /** Days in which a producer may hand the same event in once more, and it is known. */
  ingested_ms: hours(24 * 7),
  /** Days after their lines; a delivery that failed comes again for four. */
  metric_batches_ms: hours(24 * 7),
} as const;

type Fragment = ReturnType<Database['sql']>;

/** How much longer than it works the purge rests: what is asked meanwhile finds processor and disk free for four fifths of the time. */
const rest = 4;

/** Runs one step and then rests. */
async function withRest<T>(step: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await step();
  await pause(rest * (performance.now() - started));
  return result;
}

/** How far the purge of a table has come. */
export interface Place {
  /** Where the sweep goes on, blocks from the start of the table. */
  readonly next: number;
  /** Blocks that this run has read. */
  readonly read: number;
}

export interface Swept extends Place {
  readonly deleted: number;
  /** Whether nothing that had expired when the run began is left. */
  readonly finished: boolean;
  /** Whether the sweep came past the end of the table, and so has been everywhere since it last did. */
  readonly ended: boolean;
}

const start: Place = { next: 0, read: 0 };

/** Deletes what an index finds, batch after batch, until nothing is left or the time is over. */
async function deleteByIndex(
  db: Database,
  table: string,
  due: Fragment,
  until: () => boolean,
  told: Fragment = db.sql``,
): Promise<Swept> {
  const { sql } = db;
  for (let deleted = 0; ; ) {
    const rows = await withRest(() =>
      db.ask(
        `purge-${table}`,
        sql`with deleted as (
            delete from ${sql(table)}
            where ctid = any(array(select ctid from ${sql(table)} where ${due} limit ${batch} for update skip locked))
            returning *
          ) ${told}
          select 1 from deleted`,
      ),
    );
    deleted += rows.length;
    const finished = rows.length < batch;
    if (finished || until()) return { ...start, deleted, finished, ended: finished };
  }
}

/**
 * Reads a table once around, from a place on and some megabytes at a time, for what no index could find without slowing every request. It
 * takes one step at least, so that runs of any length come to the end together.
 */
async function sweep(
  db: Database,
  table: string,
  due: Fragment,
  until: () => boolean,
  place: Place,
  told: Fragment = db.sql``,
): Promise<Swept> {
  const { sql } = db;
  const [size] = await db.ask<{ blocks: number }>(
    `measure-${table}`,
    sql`select (pg_relation_size(${table}::regclass) / current_setting('block_size')::integer)::integer as blocks`,
  );
  const end = size?.blocks ?? 0;
  let { next: first, read } = place;
  let deleted = 0;
  let ended = end === 0;
  while (read < end) {
    if (first >= end) first = 0;
    const rows = await withRest(() =>
      db.ask(
        `purge-${table}`,
        sql`with deleted as (
            delete from ${sql(table)} t
            where t.ctid >= ${`(${first},0)`}::tid and t.ctid < ${`(${first + blocks},0)`}::tid and ${due}
            returning *
          ) ${told}
          select 1 from deleted`,
      ),
    );
    deleted += rows.length;
    first += blocks;
    read += blocks;
    ended ||= first >= end;
    if (until()) break;
  }
  return { next: first >= end ? 0 : first, read, deleted, finished: read >= end, ended };
}

export const purgedTables = [
  'access_tokens_default',
  'authorization_codes',
  'token_families',
  'sessions',
  'throttles',
  'devices',
  'clients',
  'logout_notices',
  'events',
  'ingested_events',
  'metric_minutes',
  'metric_batches',
] as const;
export type PurgedTable = (typeof purgedTables)[number];

/** How long what has done its work stays, milliseconds: what an operator may choose. */
export interface Keeping {
  /** A delivered event. */
  readonly events_ms?: number | undefined;
  /** What was measured in a minute. */
  readonly metrics_ms?: number | undefined;
}

/**
 * Deletes the expired rows of one table.
 * @param until asked after each batch; true ends the work early
 * @param place where to go on
 */
export async function purgeTable(
  db: Database,
  table: PurgedTable,
  now: Date,
  until: () => boolean,
  { events_ms = hours(24 * 30), metrics_ms = hours(24 * 14) }: Keeping = {},
  place: Place = start,
): Promise<Swept> {
  const { sql } = db;
  switch (table) {
    case 'access_tokens_default':
      return deleteByIndex(db, table, sql`expires_at <= ${now}`, until);
    case 'authorization_codes':
      return deleteByIndex(
        db,
        table,
        sql`expires_at < ${now} and (redeemed_at is null or expires_at < ${before(now, retention.codes_ms)})`,
        until,
        andRecord(db, now, {
          type: 'authorization_code_expired',
          from: 'deleted',
          subject: aboutUser(db, sql`subject`),
          data: sql`'client_id', client_id, 'user_id', subject, 'session_id', session_id, 'expires_at', expires_at`,
          when: sql`redeemed_at is null`,
        }),
      );
    case 'token_families': {
      const horizon = before(now, retention.families_ms);
      return sweep(
        db,
        table,
        sql`(expires_at < ${horizon} or refresh_expires_at < ${horizon} or (refresh_hash is null and issued_at < ${horizon})
          or revoked_at < ${before(now, retention.revoked_families_ms)})`,
        until,
        place,
        andRecord(db, now, {
          type: 'token_expired',
          from: 'deleted',
          subject: aboutUser(db, sql`subject`),
          data: sql`'client_id', client_id, 'user_id', subject, 'session_id', session_id, 'family', ${familyName(db, sql`family_id`)},
            'expires_at', least(expires_at, refresh_expires_at)`,
          when: sql`revoked_at is null and refresh_hash is not null`,
        }),
      );
    }
    case 'sessions':
      // A family that follows its session finds by the session's row that it has ended.
      return sweep(
        db,
        table,
        sql`least(ended_at, expires_at) < ${before(now, retention.sessions_ms)}
          and not exists (select from token_families f where f.session_id = t.session_id and f.revoked_at is null and not f.offline)`,
        until,
        place,
      );
    case 'clients':
      // Those that a check of the stage made for itself; its tokens have long expired.
      return sweep(
        db,
        table,
        sql`client_name = 'oauth2ctl verify' and not dynamic and disabled_at < ${before(now, retention.checks_ms)}`,
        until,
        place,
        andRecord(db, now, {
          type: 'client_deleted',
          from: 'deleted',
          subject: aboutClient(db, sql`client_id`),
          data: sql`'client_id', client_id, 'reason', 'made by a check of the stage'`,
        }),
      );
    case 'throttles':
      return deleteByIndex(db, table, sql`resets_at <= ${now}`, until);
    case 'logout_notices':
      return sweep(db, table, sql`created_at < ${before(now, retention.notices_ms)}`, until, place);
    case 'events':
      return deleteByIndex(db, table, sql`at < ${before(now, events_ms)} and delivered_at is not null`, until);
    case 'ingested_events':
      return deleteByIndex(db, table, sql`at < ${before(now, retention.ingested_ms)}`, until);
    case 'metric_minutes':
      return deleteByIndex(db, table, sql`minute < ${before(now, metrics_ms)}`, until);
    case 'metric_batches':
      return deleteByIndex(db, table, sql`last_at < ${before(now, retention.metric_batches_ms)}`, until);
    case 'devices':
      return deleteByIndex(db, table, sql`last_seen_at < ${before(now, retention.devices_ms)}`, until);
  }
}
