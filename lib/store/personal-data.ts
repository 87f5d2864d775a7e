/** What is stored of one person: all of it for the person, and the end of it. */
import { toldOnce } from './audit-log.ts';
import type { Database } from './database.ts';
import { aboutUser, andRecord } from './event-recording.ts';

export interface Account {
  readonly subject: string;
  readonly created_at: Date;
}

/** An account by its subject, or by its name in any case. */
export async function findAccount({ ask, sql }: Database, name: string): Promise<Account | undefined> {
  const rows = await ask<Account>(
    'find-account',
    sql`
      select subject, created_at from users where lower(username) = lower(${name}) or subject::text = lower(${name})
      order by lower(username) = lower(${name}) desc limit 1`,
  );
  return rows[0];
}

/** When an account was deleted by `delete-user`, whose entries in the audit log begin with its subject; undefined where nobody knows of it. */
export async function findDeletion({ ask, sql }: Database, subject: string): Promise<Date | undefined> {
  const rows = await ask<{ at: Date }>(
    'find-deletion',
    sql`
      select at from audit_log where procedure = 'delete-user' and outcome = 'succeeded' and starts_with(detail, lower(${subject}))
      order by audit_id limit 1`,
  );
  return rows[0]?.at;
}

/** Rows of a list that are handed out, the newest first: an answer of Lambda has room for 6 MB. */
export const mostRows = 2000;

/** Facts without digests: nobody needs them who is not the server. */
export interface PersonalData {
  readonly account: Readonly<Record<string, unknown>>;
  /** Each list has one row more than `mostRows` where it is longer. */
  readonly lists: Readonly<Record<string, readonly object[]>>;
}

/** Events that are looked through with one statement: they are kept by time, and may be millions. */
export const eventsAtOnce = 50_000;

/** What was recorded of an account, the newest first. */
async function listEventsOf({ ask, sql }: Database, subject: string, most: number): Promise<object[]> {
  interface Found {
    readonly at: Date;
    readonly sequence: string;
    readonly type: string;
    readonly data: object;
    readonly mine: boolean;
    readonly last: boolean;
  }
  const found: Found[] = [];
  let before: Found | undefined;
  do {
    const rows: Found[] = await ask<Found>(
      'export-events',
      sql`
        with page as (
          select at, sequence, type, data, subject = 'users/' || ${subject}::text or coalesce(data ->> 'user_id' = ${subject}::text, false) as mine,
            row_number() over (order by at desc, sequence desc) = ${eventsAtOnce} as last
          from events
          where ${before ? sql`(at, sequence) < (${before.at}::timestamptz, ${before.sequence}::bigint)` : sql`true`}
          order by at desc, sequence desc limit ${eventsAtOnce}
        )
        select at, sequence::text as sequence, type, data, coalesce(mine, false) as mine, last from page where mine or last order by at desc, sequence desc`,
    );
    found.push(...rows.filter(({ mine }) => mine));
    before = rows.find(({ last }) => last);
  } while (before && found.length < most);
  return found.slice(0, most).map(({ at, type, data }) => ({ at, type, data }));
}

/** @param subject of an account; undefined where it is gone */
export async function readPersonalData(db: Database, subject: string): Promise<PersonalData | undefined> {
  const { ask, sql } = db;
  const most = mostRows + 1;
  const [account] = await ask<Record<string, unknown>>(
    'export-account',
    sql`
      select subject, username, email, email_verified, claims, created_at, updated_at, password_changed_at, disabled_at
      from users where subject = ${subject}`,
  );
  if (!account) return undefined;
  const lists = {
    consents: await ask<object>(
      'export-consents',
      sql`
        select g.client_id, c.client_name, g.scope, g.resources, g.granted_at, g.revoked_at
        from grants g join clients c using (client_id) where g.subject = ${subject} order by g.granted_at desc limit ${most}`,
    ),
    sessions: await ask<object>(
      'export-sessions',
      sql`
        select session_id, authenticated_at, amr, expires_at, ended_at from sessions
        where subject = ${subject} order by authenticated_at desc limit ${most}`,
    ),
    devices: await ask<object>(
      'export-devices',
      sql`select last_seen_at from devices where subject = ${subject} order by last_seen_at desc limit ${most}`,
    ),
    authorizations: await ask<object>(
      'export-authorizations',
      sql`
        select client_id, session_id, scope, resources, claims, offline, authenticated_at, amr, issued_at, expires_at, rotated_at as refreshed_at,
          revoked_at, revoked_because
        from token_families where subject = ${subject} order by issued_at desc limit ${most}`,
    ),
    authorization_codes: await ask<object>(
      'export-authorization-codes',
      sql`
        select client_id, session_id, scope, resources, claims, issued_at, expires_at, redeemed_at from authorization_codes
        where subject = ${subject} order by issued_at desc limit ${most}`,
    ),
    access_tokens: await ask<object>(
      'export-access-tokens',
      sql`
        select client_id, issued_at, expires_at, revoked_at from access_tokens
        where subject = ${subject} order by issued_at desc limit ${most}`,
    ),
    logout_notices: await ask<object>(
      'export-logout-notices',
      sql`
        select client_id, uri, created_at, delivered_at, gave_up_at from logout_notices
        where subject = ${subject} order by created_at desc limit ${most}`,
    ),
    blocks: await ask<object>(
      'export-blocks',
      sql`select blocked_at, expires_at, reason from blocks where kind = 'user' and target = ${subject}`,
    ),
    events: await listEventsOf(db, subject, most),
    operations: await ask<object>(
      'export-operations',
      sql`
        select at, procedure, reason, outcome, detail from audit_log
        where (position(${subject}::text in detail) > 0 or position(${subject}::text in plan::text) > 0) and ${toldOnce(db)} order by audit_id desc limit ${most}`,
    ),
  };
  return { account, lists };
}

/** Deletes an account with its sessions, devices and consents, and tells of it. @returns whether it was there */
export async function deleteAccount(db: Database, subject: string, now: Date): Promise<boolean> {
  const rows = await db.ask(
    'delete-account',
    db.sql`
      with unblocked as (
        delete from blocks where kind = 'user' and target = ${subject}
      ), deleted as (
        delete from users where subject = ${subject} returning subject
      ) ${andRecord(db, now, {
        type: 'user_deleted',
        from: 'deleted',
        subject: aboutUser(db, db.sql`subject`),
        data: db.sql`'user_id', subject`,
      })}
      select 1 from deleted`,
  );
  return rows.length === 1;
}
