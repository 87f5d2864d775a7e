/** Questions about the public halves of the signing keys. */
import type { PublicKey } from '../protocol/key-ring.ts';
import type { Database } from './database.ts';

/** Keys that verifiers may meet: those that sign, those that will, and those whose tokens still live. */
export async function listPublishedKeys(db: Database): Promise<PublicKey[]> {
  return db.ask<PublicKey>(
    'list-published-keys',
    db.sql`select kid, alg, public_jwk, state from signing_keys where state <> 'retired' order by alg, created_at, kid`,
  );
}

/** Whether a key was withdrawn. */
export async function isKeyWithdrawn(db: Database, kid: string): Promise<boolean> {
  const rows = await db.ask('is-key-withdrawn', db.sql`select 1 from signing_keys where kid = ${kid} and state = 'retired'`);
  return rows.length === 1;
}
