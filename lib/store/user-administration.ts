/** What an operator asks about end-user accounts: a new one, lists of them, a new password, and the end of one. */
import { dummyHash } from '../protocol/password.ts';
import { endSessionsOf, revokeFamiliesOf, type Until } from './batches.ts';
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
  /** False where a restore could not bring it back. */
  readonly has_password: boolean;
}

/** Accounts in the order of their creation. @param after subject of the last one that is known, to go on behind it */
export async function listUsers(db: Database, limit: number, after: string | null): Promise<ListedUser[]> {
  return db.ask<ListedUser>(
    'list-users',
    db.sql`
      select subject, username, email, email_verified, created_at, disabled_at, password_hash <> ${dummyHash} as has_password
      from users
      where ${after}::uuid is null or (created_at, subject) > (select created_at, subject from users where subject = ${after}::uuid)
      order by created_at, subject
      limit ${limit}`,
  );
}

/** Accounts whose password a restore could not bring back, so that nobody signs in to them: how many, and the subjects of the first ones. */
export async function findUsersWithoutPassword(
  db: Database,
  most: number,
): Promise<{ accounts: number; first: readonly string[] }> {
  const rows = await db.ask<{ subject: string; accounts: number }>(
    'find-users-without-password',
    db.sql`
      select subject, count(*) over ()::integer as accounts from users where password_hash = ${dummyHash} order by subject limit ${most}`,
  );
  return { accounts: rows[0]?.accounts ?? 0, first: rows.map(({ subject }) => subject) };
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

type Fragment = ReturnType<Database['sql']>;

const holdings = ({ sql }: Database, now: Date): Fragment => sql`
  u.subject, u.username, u.disabled_at,
  (select count(*)::integer from sessions s where s.subject = u.subject and s.ended_at is null and s.expires_at > ${now}) as sessions,
  (select count(*)::integer from token_families f where f.subject = u.subject and f.revoked_at is null) as families`;

/** An account by its name, in any case, and what is open for it; undefined where there is none. */
export async function findUserHoldings(db: Database, username: string, now: Date): Promise<UserHoldings | undefined> {
  const rows = await db.ask<UserHoldings>(
    'find-user-holdings',
    db.sql`select ${holdings(db, now)} from users u where lower(u.username) = lower(${username})`,
  );
  return rows[0];
}

/** The same by its subject. */
export async function readUserHoldings(db: Database, subject: string, now: Date): Promise<UserHoldings | undefined> {
  const rows = await db.ask<UserHoldings>(
    'read-user-holdings',
    db.sql`select ${holdings(db, now)} from users u where u.subject = ${subject}`,
  );
  return rows[0];
}

/** What ended with an account, or with its password. */
export interface Ended {
  readonly ended_sessions: number;
  readonly revoked_families: number;
}

/**
 * Disables an account and spends its unredeemed codes, in one short statement: from here on nothing of it is active, and none of its sign-ins.
 * @returns when it was disabled, first or now; undefined where there is no such account
 */
export async function closeUser(db: Database, subject: string, now: Date): Promise<Date | undefined> {
  const [disabled] = await db.ask<{ disabled_at: Date }>(
    'disable-user',
    db.sql`
      with before as (
        select disabled_at from users where subject = ${subject}
      ), disabled as (
        update users set disabled_at = coalesce(disabled_at, ${now}), updated_at = ${now} where subject = ${subject}
        returning subject, disabled_at
      ), kept as (
        -- Disabled for good: the end of a block that runs shall not enable it.
        update blocks set was_disabled = true where kind = 'user' and target = ${subject} and blocked_at < ${now}
      ), spent as (
        -- By the index of their expiry: what has expired is good for nothing.
        update authorization_codes set redeemed_at = ${now} where subject = ${subject} and redeemed_at is null and expires_at > ${now}
      ) ${andRecord(db, now, {
        type: 'user_disabled',
        from: 'disabled',
        subject: aboutUser(db, db.sql`subject`),
        data: db.sql`'user_id', subject`,
        when: db.sql`(select disabled_at from before) is null`,
      })}
      select disabled_at from disabled`,
  );
  return disabled?.disabled_at;
}

/** Ends the sessions of an account that is closed, then its token families, by which their clients are found. @returns how many of each */
export async function endOfUser(
  db: Database,
  subject: string,
  now: Date,
  until?: Until,
): Promise<{ ended_sessions: number; revoked_families: number }> {
  const ended_sessions = await endSessionsOf(db, subject, now, until);
  const { marked } = await revokeFamiliesOf(db, { subject }, 'account disabled', now, until);
  return { ended_sessions, revoked_families: marked };
}

/**
 * Closes an account, then ends its sessions and revokes its token families.
 * @returns when it was disabled, first or now, and what ended; undefined where there is no such account
 */
export async function disableUser(
  db: Database,
  subject: string,
  now: Date,
  until?: Until,
): Promise<{ disabled_at: Date; ended_sessions: number; revoked_families: number } | undefined> {
  const disabled_at = await closeUser(db, subject, now);
  if (disabled_at === undefined) return undefined;
  return { disabled_at, ...(await endOfUser(db, subject, now, until)) };
}

/**
 * Keeps sign-ins of an account back until the transaction ends: one that has checked the password is there before what follows, or sees the new one.
 * @returns whether there is such an account
 */
export async function holdSignIns({ ask, sql }: Database, subject: string): Promise<boolean> {
  return (await ask('hold-sign-ins', sql`select 1 from users where subject = ${subject} for no key update`)).length === 1;
}

/**
 * Replaces the password of an account, and ends everything that was got with the one before; the account stays as it is.
 * @param now later than every sign-in with the password before
 * @returns what ended; undefined where there is no such account
 */
export async function setPassword(db: Database, subject: string, passwordHash: string, now: Date): Promise<Ended | undefined> {
  const { sql } = db;
  const because = 'password changed';
  const rows = await db.ask<Ended>(
    'set-password',
    db.sql`
      with changed as (
        -- Its access tokens end by the watermark, however many there are.
        update users set password_hash = ${passwordHash}, password_changed_at = ${now}, updated_at = ${now},
          tokens_not_before = greatest(tokens_not_before, ${now})
        where subject = ${subject}
        returning subject
      ), ended as (
        update sessions set ended_at = ${now} where subject = ${subject} and ended_at is null returning session_id, subject, expires_at
      ), noticed as (${writeNotices(db, 'ended', now)}
      ), spent as (
        update authorization_codes set redeemed_at = ${now} where subject = ${subject} and redeemed_at is null and expires_at > ${now}
      ), revoked as (
        update token_families set revoked_at = ${now}, revoked_because = ${because}, successor_sealed = null
        where subject = ${subject} and revoked_at is null
        returning client_id, subject, session_id, family_id, revoked_because
      ) ${andRecord(
        db,
        now,
        { type: 'user_password_changed', from: 'changed', subject: aboutUser(db, sql`subject`), data: sql`'user_id', subject` },
        { type: 'user_logout', from: 'ended', ...signedOut(db, because) },
        { type: 'token_revoked', from: 'revoked', subject: aboutUser(db, sql`subject`), data: revokedFamily(db) },
      )}
      select (select count(*)::integer from ended where expires_at > ${now}) as ended_sessions,
        (select count(*)::integer from revoked) as revoked_families
      from changed`,
  );
  return rows[0];
}
