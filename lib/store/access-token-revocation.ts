/** Revokes access tokens by whom they belong to, in bounded batches: the tokens of a busy client may be millions. */
import type { Database } from './database.ts';

export interface TokenOwner {
  readonly client_id?: string;
  readonly subject?: string;
}

/** Rows of one statement: short enough for its locks and its time limit. */
const batch = 5000;

/** Whether a row is the owner's. */
export const owned = (db: Database, owner: TokenOwner) => db.sql`
  ${owner.client_id === undefined ? db.sql`true` : db.sql`client_id = ${owner.client_id}`}
  and ${owner.subject === undefined ? db.sql`true` : db.sql`subject = ${owner.subject}`}`;

/** How many access tokens of an owner are neither expired nor revoked. */
export async function countLiveTokens(db: Database, owner: TokenOwner, now: Date): Promise<number> {
  const [row] = await db.ask<{ count: number }>(
    'count-live-tokens',
    db.sql`select count(*)::integer as count from access_tokens where ${owned(db, owner)} and expires_at > ${now} and revoked_at is null`,
  );
  return row?.count ?? 0;
}

/** Revokes every live access token of an owner; may be repeated. @returns how many were revoked */
export async function revokeLiveTokens(db: Database, owner: TokenOwner, now: Date): Promise<number> {
  for (let revoked = 0; ; ) {
    const rows = await db.ask(
      'revoke-live-tokens',
      db.sql`
        update access_tokens a set revoked_at = ${now}
        from (
          select expires_at, jti from access_tokens
          where ${owned(db, owner)} and expires_at > ${now} and revoked_at is null
          limit ${batch}
        ) as live
        where a.expires_at = live.expires_at and a.jti = live.jti and a.revoked_at is null
        returning 1`,
    );
    revoked += rows.length;
    if (rows.length < batch) return revoked;
  }
}
