/** Brings the table of public keys in line with the secret that holds the private ones. */
import { listPublicKeys, type PrivateKeyRing, type PublicKey } from '../protocol/key-ring.ts';
import type { Database } from './database.ts';
import { recordAlone } from './event-recording.ts';
import { inTransaction } from './transaction.ts';

/** Number of the lock that keeps two of us apart; held to the end of a transaction, so that a proxied connection is not pinned. */
const lock = 4_715_114;
/**
 * No token lives longer than this after its key gave way: a day is the longest lifetime that the settings allow, whatever they were when it
 * was issued; the rest is for sandboxes that sign with the former key for some minutes more, and for clocks.
 */
export const longestTokenMs = 86_400_000 + 3_600_000;

/** Lets one caller at a time decide which keys there are. */
export async function withKeysLocked<T>(db: Database, work: (transaction: Database) => Promise<T>): Promise<T> {
  return inTransaction(db, 'lock-signing-keys', async (transaction) => {
    await transaction.ask('lock-signing-keys', transaction.sql`select pg_advisory_xact_lock(${lock})`);
    return work(transaction);
  });
}

export interface StoredKey {
  readonly kid: string;
  readonly alg: string;
  readonly state: PublicKey['state'];
  readonly created_at: Date;
  readonly activated_at: Date | null;
  /** When no token of a retiring key is left. */
  readonly retires_at: Date | null;
}

/** Every key of the table. */
export async function listStoredKeys(db: Database): Promise<StoredKey[]> {
  return db.ask<StoredKey>(
    'list-stored-keys',
    db.sql`select kid, alg, state, created_at, activated_at, retires_at from signing_keys order by alg, created_at, kid`,
  );
}

/** Publishes the keys of a ring that is not in use yet, each as pending; a known one keeps its state. */
export async function publishKeys(db: Database, ring: PrivateKeyRing, now: Date): Promise<void> {
  await withKeysLocked(db, async (transaction) => {
    const { sql } = transaction;
    for (const { kid, alg, public_jwk } of listPublicKeys(ring))
      await transaction.ask(
        'publish-signing-key',
        sql`
          insert into signing_keys (kid, alg, public_jwk, state, created_at) values (${kid}, ${alg}, ${sql.json(public_jwk as never)}, 'pending', ${now})
          on conflict (kid) do nothing`,
      );
  });
}

/** Withdraws retiring keys of which no token is left. @returns their ids */
export async function retireExpiredKeys(db: Database, now: Date): Promise<string[]> {
  const rows = await db.ask<{ kid: string }>(
    'retire-expired-keys',
    db.sql`update signing_keys set state = 'retired' where state = 'retiring' and retires_at <= ${now} returning kid`,
  );
  return rows.map(({ kid }) => kid);
}

/**
 * Makes the keys of the secret the only ones that sign or will sign. Others stay published while tokens of theirs may live, unless the ring
 * was made in an emergency: then they are withdrawn.
 * @returns how many keys were added or changed their state
 */
export async function alignSigningKeys(transaction: Database, ring: PrivateKeyRing, now: Date): Promise<number> {
  const { sql } = transaction;
  const keys: readonly PublicKey[] = listPublicKeys(ring);
  const foreign = sql`kid not in (select unnest(${sql.typed.texts(keys.map(({ kid }) => kid))}))`;
  const retired = await transaction.ask(
    'retire-foreign-keys',
    ring.withdraws_others
      ? sql`update signing_keys set state = 'retired', retires_at = ${now} where state <> 'retired' and ${foreign} returning 1`
      : sql`
          update signing_keys set state = 'retiring', retires_at = ${new Date(now.getTime() + longestTokenMs)}
          where state in ('pending', 'active') and ${foreign}
          returning 1`,
  );
  let changed = retired.length;
  // The former active key of an algorithm gives way before its successor takes its place.
  for (const key of [...keys].sort((one, other) => Number(one.state === 'active') - Number(other.state === 'active'))) {
    const rows = await transaction.ask(
      'align-signing-key',
      sql`
        insert into signing_keys as k (kid, alg, public_jwk, state, created_at, activated_at)
        values (${key.kid}, ${key.alg}, ${sql.json(key.public_jwk as never)}, ${key.state}, ${now}, ${key.state === 'active' ? now : null})
        on conflict (kid) do update set state = excluded.state, retires_at = null, activated_at = coalesce(k.activated_at, excluded.activated_at)
        where k.state <> excluded.state
        returning 1`,
    );
    changed += rows.length;
  }
  if (changed > 0) {
    const idsOf = (state: string) => keys.filter((key) => key.state === state).map(({ kid }) => kid);
    const data = { active: idsOf('active'), pending: idsOf('pending'), withdrawn: ring.withdraws_others === true };
    await recordAlone(transaction, now, 'signing_keys_rotated', 'signing-keys', data);
  }
  return changed;
}
