/** The outbox of back-channel logout: who has to be told that a session ended, when to try, and what became of it. */
import type { LogoutNotice } from '../protocol/logout-token.ts';
import type { Database } from './database.ts';

/** Deliveries that are tried before a notice is given up. */
export const mostAttempts = 5;
/** Minutes until the next attempt, by how many there were before this one; the last is how long an outcome is waited for. */
export const retryMinutes = [2, 5, 15, 60, 10] as const;

/**
 * Writes a notice for each client with tokens from the sessions that a statement ends, as a part of that statement.
 * @param ended name of the common table expression that returns session_id and subject of those sessions
 */
export function writeNotices({ sql }: Database, ended: string, now: Date) {
  return sql`
    insert into logout_notices (client_id, subject, session_id, uri, created_at, next_attempt_at)
    select distinct c.client_id, e.subject, e.session_id, c.backchannel_logout_uri, ${now}::timestamptz, ${now}::timestamptz
    from ${sql(ended)} e
    join token_families f on f.session_id = e.session_id and f.revoked_at is null
    join clients c on c.client_id = f.client_id and c.backchannel_logout_uri is not null and c.disabled_at is null`;
}

/**
 * Takes due notices, each for one caller, and sets when they are due again should nothing be heard of them.
 * Those whose attempts are used up are given up.
 */
export async function takeDueNotices(db: Database, most: number, now: Date): Promise<LogoutNotice[]> {
  return db.ask<LogoutNotice>(
    'take-due-notices',
    db.sql`
      with due as (
        select notice_id from logout_notices
        where delivered_at is null and gave_up_at is null and next_attempt_at <= ${now}
        order by next_attempt_at limit ${most} for update skip locked
      ), taken as (
        update logout_notices n set attempts = least(n.attempts + 1, ${mostAttempts}::integer),
          next_attempt_at = ${now}::timestamptz + (${`{${retryMinutes.join(',')}}`}::text::integer[])[least(n.attempts + 1, ${mostAttempts}::integer)] * interval '1 minute',
          gave_up_at = case when n.attempts >= ${mostAttempts}::integer then ${now}::timestamptz end
        from due where n.notice_id = due.notice_id
        returning n.notice_id, n.client_id, n.subject, n.session_id, n.uri, n.gave_up_at
      )
      select t.notice_id, t.client_id, t.subject, t.session_id, t.uri, c.id_token_signed_response_alg as alg
      from taken t join clients c on c.client_id = t.client_id and c.disabled_at is null
      where t.gave_up_at is null`,
  );
}

/**
 * Records what became of notices; a failed one waits for its next attempt, or is given up where that was the last.
 * @returns how many were delivered and how many given up
 */
export async function recordDeliveries(
  db: Database,
  delivered: readonly string[],
  failed: readonly string[],
  now: Date,
): Promise<{ delivered: number; gave_up: number }> {
  const { texts } = db.sql.typed;
  const [row] = await db.ask<{ delivered: number; gave_up: number }>(
    'record-deliveries',
    db.sql`
      with recorded as (
        update logout_notices set delivered_at = ${now}
        where notice_id = any(${texts([...delivered])}::uuid[]) and delivered_at is null
        returning 1
      ), given_up as (
        update logout_notices set gave_up_at = ${now}
        where notice_id = any(${texts([...failed])}::uuid[]) and attempts >= ${mostAttempts} and delivered_at is null and gave_up_at is null
        returning 1
      )
      select (select count(*)::integer from recorded) as delivered, (select count(*)::integer from given_up) as gave_up`,
  );
  return row ?? { delivered: 0, gave_up: 0 };
}
