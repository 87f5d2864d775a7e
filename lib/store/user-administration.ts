/** What an operator asks about end-user accounts: a new one, lists of them, and the end of one. */
import type { Database } from './database.ts';
import { aboutUser, andRecord, revokedFamily, signedOut } from './event-recording.ts';
import { writeNotices } from './logout-notices.ts';

export interface NewUser {
  readonly username: string;
  readonly email: string | null;
  readonly password_hash: string;
}

/** Stores a new account. @returns its subject, or undefined where the username is taken in any case */
export async function insertUser(db: Database, user: NewUser, now: Date): Promise<string | undefined> {
  const rows = await db.ask<{ subject: string }>(
    'insert-user',
    db.sql`
      with created as (
        insert into users (username, email, password_hash, created_at, updated_at, password_changed_at)
        values (${user.username}, ${user.email}, ${user.password_hash}, ${now}, ${now}, ${now})
        on conflict do nothing
        returning subject
      ) ${andRecord(db, now, {
        type: 'user_created',
        from: 'created',
        subject: aboutUser(db, db.sql`subject`),
        data: db.sql`'user_id', subject`,
      })}
      select subject from created`,
  );
  return rows[0]?.subject;
}

export interface ListedUser {
  readonly subject: string;
  readonly username: string;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly created_at: Date;
  readonly disabled_at: Date | null;
}

/** Accounts in the order of their creation. @param after subject of the last one that is known, to go on behind it */
export async function listUsers(db: Database, limit: number, after: string | null): Promise<ListedUser[]> {
  return db.ask<ListedUser>(
    'list-users',
    db.sql`
      select subject, username, email, email_verified, created_at, disabled_at
      from users
      where ${after}::uuid is null or (created_at, subject) > (select created_at, subject from users where subject = ${after}::uuid)
      order by created_at, subject
      limit ${limit}`,
  );
}

export interface UserHoldings {
  readonly subject: string;
  readonly username: string;
  readonly disabled_at: Date | null;
  /** Sessions that have not ended. */
  readonly sessions: number;
  /** Token families that are not revoked. */
  readonly families: number;
}

/** An account by its name, in any case, and what is open for it; undefined where there is none. */
export async function findUserHoldings(db: Database, username: string, now: Date): Promise<UserHoldings | undefined> {
  const rows = await db.ask<UserHoldings>(
    'find-user-holdings',
    db.sql`
      select u.subject, u.username, u.disabled_at,
        (select count(*)::integer from sessions s where s.subject = u.subject and s.ended_at is null and s.expires_at > ${now}) as sessions,
        (select count(*)::integer from token_families f where f.subject = u.subject and f.revoked_at is null) as families
      from users u where lower(u.username) = lower(${username})`,
  );
  return rows[0];
}

/**
 * Disables an account, ends its sessions, revokes its token families and spends its unredeemed codes.
 * @returns when it was disabled, first or now, and what ended; undefined where there is no such account
 */
export async function disableUser(
  db: Database,
  subject: string,
  now: Date,
): Promise<{ disabled_at: Date; ended_sessions: number; revoked_families: number } | undefined> {
  const rows = await db.ask<{ disabled_at: Date; ended_sessions: number; revoked_families: number }>(
    'disable-user',
    db.sql`
      with before as (
        select disabled_at from users where subject = ${subject}
      ), disabled as (
        update users set disabled_at = coalesce(disabled_at, ${now}), updated_at = ${now} where subject = ${subject}
        returning subject, disabled_at
      ), ended as (
        update sessions set ended_at = ${now} where subject = ${subject} and ended_at is null returning session_id, subject, expires_at
      ), noticed as (${writeNotices(db, 'ended', now)}
      ), kept as (
        -- Disabled for good: the end of a block that runs shall not enable it.
        update blocks set was_disabled = true where kind = 'user' and target = ${subject} and blocked_at < ${now}
      ), spent as (
        update authorization_codes set redeemed_at = ${now} where subject = ${subject} and redeemed_at is null
      ), revoked as (
        update token_families set revoked_at = ${now}, revoked_because = 'account disabled', successor_sealed = null
        where subject = ${subject} and revoked_at is null
        returning client_id, subject, session_id, family_id, revoked_because
      ) ${andRecord(
        db,
        now,
        {
          type: 'user_disabled',
          from: 'disabled',
          subject: aboutUser(db, db.sql`subject`),
          data: db.sql`'user_id', subject`,
          when: db.sql`(select disabled_at from before) is null`,
        },
        { type: 'user_logout', from: 'ended', ...signedOut(db, 'account disabled') },
        { type: 'token_revoked', from: 'revoked', subject: aboutUser(db, db.sql`subject`), data: revokedFamily(db) },
      )}
      select disabled_at, (select count(*)::integer from ended where expires_at > ${now}) as ended_sessions,
        (select count(*)::integer from revoked) as revoked_families
      from disabled`,
  );
  return rows[0];
}
