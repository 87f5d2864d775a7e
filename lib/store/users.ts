/** Questions about end-user accounts. */
import type { Database } from './database.ts';

export interface SignIn {
  readonly subject: string;
  readonly username: string;
  readonly password_hash: string;
  /** Tells one password of the account from the next, whatever its hash costs. */
  readonly password_changed_at: Date;
  readonly disabled: boolean;
  readonly known_device: boolean;
}

/** What a sign-in needs: the account by its name in any case, and whether this browser signed it in before. */
export async function findSignIn(db: Database, username: string, deviceHash: Uint8Array | null): Promise<SignIn | undefined> {
  const rows = await db.ask<SignIn>(
    'find-sign-in',
    db.sql`
      select u.subject, u.username, u.password_hash, u.password_changed_at, u.disabled_at is not null as disabled, d.device_hash is not null as known_device
      from users u
      left join devices d on d.device_hash = ${deviceHash}::bytea and d.subject = u.subject
      where lower(u.username) = lower(${username})`,
  );
  return rows[0];
}

/** Replaces a password hash whose cost is out of date; a password that was changed meanwhile stays as it is. */
export async function replacePasswordHash(
  db: Database,
  { subject, password_changed_at }: Pick<SignIn, 'subject' | 'password_changed_at'>,
  passwordHash: string,
  now: Date,
): Promise<void> {
  await db.ask(
    'replace-password-hash',
    db.sql`
      update users set password_hash = ${passwordHash}, updated_at = ${now}
      where subject = ${subject} and password_changed_at = ${password_changed_at}`,
  );
}
