/** Puts a key ring into the table of public keys, as the procedures that make keys do. */
import type { PrivateKeyRing } from '../../lib/protocol/key-ring.ts';
import type { Database } from '../../lib/store/database.ts';
import { alignSigningKeys, withKeysLocked } from '../../lib/store/signing-key-administration.ts';

/** @returns how many keys were added or changed their state */
export function recordKeyRing(db: Database, ring: PrivateKeyRing, now = new Date()): Promise<number> {
  return withKeysLocked(db, (transaction) => alignSigningKeys(transaction, ring, now));
}
