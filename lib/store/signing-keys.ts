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

/** Records public keys that are not known yet; a known one keeps its state. @returns how many were new */
export async function insertSigningKeys(db: Database, keys: readonly PublicKey[], now: Date): Promise<number> {
  let inserted = 0;
  for (const key of keys) {
    const rows = await db.ask(
      'insert-signing-key',
      db.sql`
        insert into signing_keys (kid, alg, public_jwk, state, created_at, activated_at)
        values (${key.kid}, ${key.alg}, ${db.sql.json(key.public_jwk as never)}, ${key.state}, ${now}, ${key.state === 'active' ? now : null})
        on conflict (kid) do nothing
        returning 1`,
    );
    inserted += rows.length;
  }
  return inserted;
}
