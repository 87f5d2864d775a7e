/** Parts of statements that end many tokens at once without touching their rows: watermarks of time, and withdrawn keys. */
import type { Database } from './database.ts';

type Fragment = ReturnType<Database['sql']>;

/**
 * Whether something was issued no earlier than every watermark that concerns it: the global one and those named.
 * @param issuedAt an expression @param watermarks expressions, comma-separated; null where there is none
 */
export const isAfterWatermarks = (db: Database, issuedAt: Fragment, watermarks: Fragment) => db.sql`
  coalesce(${issuedAt} >= greatest((select tokens_not_before from revocation_watermark), ${watermarks}), true)`;

/** Whether a sign-in of user `u` is no earlier than the global watermark of sign-ins and that of the account. @param signedInAt an expression */
export const isLaterSignIn = (db: Database, signedInAt: Fragment) => db.sql`
  coalesce(${signedInAt} >= greatest((select sessions_not_before from revocation_watermark), u.tokens_not_before), true)`;

/** Whether a key was not withdrawn: a sandbox may go on signing with one for minutes, and may go on trusting one. */
export const keyStands = (db: Database, kid: string) => db.sql`
  not exists (select from signing_keys where kid = ${kid} and state = 'retired')`;
