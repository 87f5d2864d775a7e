/** Ends token families and sign-ins in batches that each commit on their own: a statement over millions does not end in time, and ends nothing. */
import { owned, type TokenOwner } from './access-token-revocation.ts';
import type { Database } from './database.ts';
import { aboutUser, andRecord, revokedFamily, signedOut } from './event-recording.ts';
import { writeNotices } from './logout-notices.ts';

/** Rows of one statement. */
const batch = 1000;

/** Asked between batches; true ends the work early. */
export type Until = () => boolean;

const never: Until = () => false;

/** True from so many milliseconds on. */
export function timeIsOver(milliseconds: number): Until {
  const started = performance.now();
  return () => performance.now() - started >= milliseconds;
}

export interface Marked {
  readonly marked: number;
  /** False where the time was over before. */
  readonly finished: boolean;
}

/** @param step marks so many rows at most, and returns how many there were */
export async function inBatches(step: (most: number) => Promise<number>, until: Until): Promise<Marked> {
  for (let marked = 0; ; ) {
    if (until()) return { marked, finished: false };
    const rows = await step(batch);
    marked += rows;
    if (rows < batch) return { marked, finished: true };
  }
}

/**
 * Revokes the token families of a client or of an account, with an event of each.
 * @param because for the operator, never on the wire
 */
export function revokeFamiliesOf(
  db: Database,
  owner: TokenOwner,
  because: 'client disabled' | 'client deleted' | 'account disabled',
  now: Date,
  until: Until = never,
): Promise<Marked> {
  return inBatches(async (most) => {
    const rows = await db.ask(
      'revoke-families-of-owner',
      db.sql`
        with revoked as (
          update token_families set revoked_at = ${now}, revoked_because = ${because}, successor_sealed = null
          where ctid = any(array(
            select ctid from token_families where ${owned(db, owner)} and revoked_at is null limit ${most} for update))
          returning client_id, subject, session_id, family_id, revoked_because
        ) ${andRecord(db, now, {
          type: 'token_revoked',
          from: 'revoked',
          subject: aboutUser(db, db.sql`subject`),
          data: revokedFamily(db),
        })}
        select 1 from revoked`,
    );
    return rows.length;
  }, until);
}

/** Ends the sign-ins of an account, with an event of each and notices to their clients; its families have to stand yet. @returns how many had not expired */
export async function endSessionsOf(db: Database, subject: string, now: Date, until: Until = never): Promise<number> {
  let open = 0;
  await inBatches(async (most) => {
    const rows = await db.ask<{ open: boolean }>(
      'end-sessions-of-user',
      db.sql`
          with ended as (
            update sessions set ended_at = ${now}
            where ctid = any(array(select ctid from sessions where subject = ${subject} and ended_at is null limit ${most} for update))
            returning session_id, subject, expires_at
          ), noticed as (${writeNotices(db, 'ended', now)}
          ) ${andRecord(db, now, { type: 'user_logout', from: 'ended', ...signedOut(db, 'account disabled') })}
          select expires_at > ${now} as open from ended`,
    );
    open += rows.filter((row) => row.open).length;
    return rows.length;
  }, until);
  return open;
}
