/** Revokes what was issued to a client, for an end-user or to everybody: a watermark ends all of it at once, the rows follow in batches. */
import { active, joined } from './access-tokens.ts';
import { type Database, DatabaseUnavailable } from './database.ts';
import { aboutClient, aboutUser, andRecord, revokedFamily, signedOut } from './event-recording.ts';
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

/** Rows of one statement. */
const batch = 1000;
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

/** @returns null where the statement took too long */
async function countRows(db: Database, question: string, query: Parameters<Database['ask']>[1]): Promise<number | null> {
  try {
    const [row] = await db.ask<{ count: number }>(question, query);
    return row?.count ?? 0;
  } catch (cause) {
    if (cause instanceof DatabaseUnavailable && /57014|no answer within/.test(cause.detail)) return null;
    throw cause;
  }
}

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

/** Marks the rows of a table within the extent, in batches that each commit on their own. @returns how many */
async function markRows(
  db: Database,
  table: 'token_families' | 'sessions',
  extent: Extent,
  change: Fragment,
  due: Fragment,
  now: Date,
): Promise<number> {
  const { sql } = db;
  const counted = (update: Fragment) =>
    table === 'sessions'
      ? sql`with ended as (${update} returning session_id, subject), noticed as (${writeNotices(db, 'ended', now)})
          ${andRecord(db, now, { type: 'user_logout', from: 'ended', ...signedOut(db, 'revoked by an operator') })}
          select 1 from ended`
      : sql`with revoked as (${update} returning client_id, subject, session_id, family_id, revoked_because)
          ${andRecord(db, now, {
            type: 'token_revoked',
            from: 'revoked',
            subject: aboutUser(db, sql`subject`),
            data: revokedFamily(db),
          })}
          select 1 from revoked`;
  let marked = 0;
  if (!isGlobal(extent)) {
    for (;;) {
      const rows = await db.ask(
        `revoke-${table}`,
        counted(sql`update ${sql(table)} set ${change}
          where ctid = any(array(select ctid from ${sql(table)} where ${owned(db, extent, sql``)} and ${due} limit ${batch} for update))`),
      );
      marked += rows.length;
      if (rows.length < batch) return marked;
    }
  }
  const [size] = await db.ask<{ blocks: number }>(
    `measure-${table}`,
    sql`select (pg_relation_size(${table}::regclass) / current_setting('block_size')::integer)::integer as blocks`,
  );
  // Once from end to end: what was issued since needs no mark.
  for (let first = 0; first < (size?.blocks ?? 0); first += blocks) {
    const rows = await db.ask(
      `revoke-${table}`,
      counted(sql`update ${sql(table)} t set ${change}
        where t.ctid >= ${`(${first},0)`}::tid and t.ctid < ${`(${first + blocks},0)`}::tid and ${due}`),
    );
    marked += rows.length;
  }
  return marked;
}

/** Marks the token families as revoked. @returns how many */
export function revokeFamilies(db: Database, extent: Extent, now: Date): Promise<number> {
  const { sql } = db;
  return markRows(
    db,
    'token_families',
    extent,
    sql`revoked_at = ${now}, revoked_because = 'revoked by an operator', successor_sealed = null`,
    sql`revoked_at is null and issued_at < ${extent.before}`,
    now,
  );
}

/** Ends the sign-ins, and leaves notices to their clients. @returns how many */
export function endSessions(db: Database, extent: Extent, now: Date): Promise<number> {
  const { sql } = db;
  return markRows(
    db,
    'sessions',
    extent,
    sql`ended_at = ${now}`,
    sql`ended_at is null and expires_at > ${now} and authenticated_at < ${extent.before}`,
    now,
  );
}
