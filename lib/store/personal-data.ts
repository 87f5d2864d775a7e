/** What is stored of one person: all of it for the person, and the end of it. */
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
    sql`select subject, created_at from users where lower(username) = lower(${name}) or subject::text = lower(${name})`,
  );
  return rows[0];
}

/** Rows of a list that are handed out, the newest first: an answer of Lambda has room for 6 MB. */
export const mostRows = 2000;

/** Facts without digests: nobody needs them who is not the server. */
export interface PersonalData {
  readonly account: Readonly<Record<string, unknown>>;
  /** Each list has one row more than `mostRows` where it is longer. */
  readonly lists: Readonly<Record<string, readonly object[]>>;
}

/** @param subject of an account; undefined where it is gone */
export async function readPersonalData({ ask, sql }: Database, subject: string): Promise<PersonalData | undefined> {
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
        select client_id, scope, resources, authenticated_at, issued_at, expires_at, rotated_at as refreshed_at, revoked_at, revoked_because
        from token_families where subject = ${subject} order by issued_at desc limit ${most}`,
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
    events: await ask<object>(
      'export-events',
      sql`
        select at, type, data from events
        where subject = 'users/' || ${subject}::text or data ->> 'user_id' = ${subject}::text order by sequence desc limit ${most}`,
    ),
    operations: await ask<object>(
      'export-operations',
      sql`
        select at, procedure, reason, outcome, detail from audit_log
        where position(${subject}::text in detail) > 0 or position(${subject}::text in plan::text) > 0 order by audit_id desc limit ${most}`,
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
