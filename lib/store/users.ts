/** Questions about end-user accounts. */
import type { Database } from './database.ts';

/** What a sign-in needs: the account by its name in any case, and whether this browser signed it in before. */
export async function findSignIn(
  db: Database,
  username: string,
  deviceHash: Uint8Array | null,
): Promise<{ subject: string; username: string; password_hash: string; disabled: boolean; known_device: boolean } | undefined> {
  const rows = await db.ask<{
    subject: string;
    username: string;
    password_hash: string;
    disabled: boolean;
    known_device: boolean;
  }>(
    'find-sign-in',
    db.sql`
      select u.subject, u.username, u.password_hash, u.disabled_at is not null as disabled, d.device_hash is not null as known_device
      from users u
      left join devices d on d.device_hash = ${deviceHash}::bytea and d.subject = u.subject
      where lower(u.username) = lower(${username})`,
  );
  return rows[0];
}

/** Replaces a password hash whose cost is out of date. */
export async function replacePasswordHash(db: Database, subject: string, passwordHash: string, now: Date): Promise<void> {
  await db.ask(
    'replace-password-hash',
    db.sql`update users set password_hash = ${passwordHash}, updated_at = ${now} where subject = ${subject}`,
  );
}
