/** Revokes what was issued to a client, for an end-user or to everybody: a watermark ends all of it at once, the rows follow in batches. */
import { active, joined } from './access-tokens.ts';
import { inBatches, type Marked, type Until } from './batches.ts';
import { countRows } from './count-rows.ts';
import type { Database } from './database.ts';
import { aboutClient, aboutUser, andRecord } from './event-recording.ts';
import { writeNotices } from './logout-notices.ts';

/** What a revocation reaches; with neither client nor end-user it is everything. */
export interface Extent {
  readonly client_id?: string;
  readonly subject?: string;
  /** Whether sign-ins end as well. */
  readonly sessions: boolean;
  /** What was issued before this instant. */
  readonly before: Date;
}

export interface Holdings {
  readonly sessions: number | null;
  readonly families: number | null;
  /** Null where counting would take too long: they may be millions. */
  readonly access_tokens: number | null;
}

/** Blocks of 8 KiB that one step of a sweep reads. */
const blocks = 512;

const isGlobal = ({ client_id, subject }: Extent) => client_id === undefined && subject === undefined;

type Fragment = ReturnType<Database['sql']>;

const owned = ({ sql }: Database, { client_id, subject }: Extent, alias: Fragment) =>
  client_id === undefined
    ? subject === undefined
      ? sql`true`
      : sql`${alias}subject = ${subject}`
    : sql`${alias}client_id = ${client_id}`;

/** How much of it is still good. */
export async function countRevocable(db: Database, extent: Extent, now: Date): Promise<Holdings> {
  const { sql } = db;
  const sessions = extent.sessions
    ? await countRows(
        db,
        'count-revocable-sessions',
        sql`
          select count(*)::integer as count from sessions
          where ${owned(db, extent, sql``)} and ended_at is null and expires_at > ${now} and authenticated_at < ${extent.before}`,
      )
    : 0;
  const families = await countRows(
    db,
    'count-revocable-families',
    sql`
      select count(*)::integer as count from token_families
      where ${owned(db, extent, sql``)} and revoked_at is null and issued_at < ${extent.before}`,
  );
  const access_tokens = await countRows(
    db,
    'count-revocable-tokens',
    sql`
      select count(*)::integer as count from access_tokens a
      ${joined(db)}
      where ${owned(db, extent, sql`a.`)} and a.expires_at > ${now} and least(a.issued_at, f.issued_at) < ${extent.before} and ${active(db)}`,
  );
  return { sessions, families, access_tokens };
}

/**
 * Ends everything within the extent by one small write; a watermark never goes back.
 * @returns false where there is no such client or end-user
 */
export async function raiseWatermark(db: Database, extent: Extent, now: Date): Promise<boolean> {
  const { sql } = db;
  const { client_id, subject, sessions, before } = extent;
  // One event for all that falls under it, however many tokens that are.
  const told = (raise: Fragment, about: Fragment, data: Fragment) => sql`
    with raised as (${raise}) ${andRecord(db, now, {
      type: 'token_revoked',
      from: 'raised',
      subject: about,
      data: sql`${data}, 'issued_before', ${before}::timestamptz, 'sessions', ${sessions}::boolean, 'reason', 'revoked by an operator'`,
    })}
    select 1 from raised`;
  if (client_id !== undefined) {
    const raised = told(
      sql`update clients set tokens_not_before = greatest(tokens_not_before, ${before}) where client_id = ${client_id} returning client_id`,
      aboutClient(db, sql`client_id`),
      sql`'client_id', client_id`,
    );
    return (await db.ask('raise-client-watermark', raised)).length === 1;
  }
  if (subject !== undefined) {
    const raised = told(
      sql`update users set tokens_not_before = greatest(tokens_not_before, ${before}) where subject = ${subject} returning subject`,
      aboutUser(db, sql`subject`),
      sql`'user_id', subject`,
    );
    return (await db.ask('raise-user-watermark', raised)).length === 1;
  }
  const raised = told(
    sql`
      update revocation_watermark set tokens_not_before = greatest(tokens_not_before, ${before}::timestamptz),
        sessions_not_before = ${sessions ? sql`greatest(sessions_not_before, ${before}::timestamptz)` : sql`sessions_not_before`}
      returning 1`,
    sql`null`,
    sql`'everybody', true`,
  );
  return (await db.ask('raise-watermark', raised)).length === 1;
}

/**
 * Marks the rows of a table within the extent, in batches that each commit on their own. None leaves an event: that of the watermark tells of
 * all of them, and a restore reads it alone.
 * @param update makes the statement that changes those rows that meet a condition
 */
async function markRows(
  db: Database,
  table: 'token_families' | 'sessions',
  extent: Extent,
  due: Fragment,
  update: (where: Fragment) => Parameters<Database['ask']>[1],
  until: Until,
): Promise<Marked> {
  const { sql } = db;
  const mark = async (where: Fragment) => (await db.ask(`revoke-${table}`, update(where))).length;
  if (!isGlobal(extent))
    return inBatches(
      (most) =>
        mark(
          sql`ctid = any(array(select ctid from ${sql(table)} where ${owned(db, extent, sql``)} and ${due} limit ${most} for update))`,
        ),
      until,
    );
  const [size] = await db.ask<{ blocks: number }>(
    `measure-${table}`,
    sql`select (pg_relation_size(${table}::regclass) / current_setting('block_size')::integer)::integer as blocks`,
  );
  let marked = 0;
  // Once from end to end: what was issued since needs no mark.
  for (let first = 0; first < (size?.blocks ?? 0); first += blocks) {
    if (until()) return { marked, finished: false };
    marked += await mark(sql`ctid >= ${`(${first},0)`}::tid and ctid < ${`(${first + blocks},0)`}::tid and ${due}`);
  }
  return { marked, finished: true };
}

/** Marks the token families as revoked. */
export function revokeFamilies(db: Database, extent: Extent, now: Date, until: Until): Promise<Marked> {
  const { sql } = db;
  return markRows(
    db,
    'token_families',
    extent,
    sql`revoked_at is null and issued_at < ${extent.before}`,
    (where) => sql`
      update token_families set revoked_at = ${now}, revoked_because = 'revoked by an operator', successor_sealed = null
      where ${where} returning 1`,
    until,
  );
}

/** Ends the sign-ins, and leaves notices to their clients: by the families, which have to stand yet. */
export function endSessions(db: Database, extent: Extent, now: Date, until: Until): Promise<Marked> {
  const { sql } = db;
  return markRows(
    db,
    'sessions',
    extent,
    sql`ended_at is null and expires_at > ${now} and authenticated_at < ${extent.before}`,
    (where) => sql`
      with ended as (
        update sessions set ended_at = ${now} where ${where} returning session_id, subject
      ), noticed as (${writeNotices(db, 'ended', now)})
      select 1 from ended`,
    until,
  );
}
