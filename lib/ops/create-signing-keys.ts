/** Creates the signing keys where there are none, and publishes exactly those that the secret holds. */
import { generateKeyRing, listPublicKeys, type PrivateKeyRing } from '../protocol/key-ring.ts';
import { alignSigningKeys, listStoredKeys, type StoredKey, withKeysLocked } from '../store/signing-key-administration.ts';
import { ProcedureFault } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface SigningTools extends Tools {
  readonly secret_id: string;
  readonly readKeyRing: (secretId: string) => Promise<PrivateKeyRing | undefined>;
  readonly writeKeyRing: (secretId: string, ring: PrivateKeyRing) => Promise<void>;
}

interface SigningFacts {
  /** Key ids of the secret; undefined where it has no value yet. */
  readonly held: readonly string[] | undefined;
  readonly stored: readonly StoredKey[];
}

export interface CreatedSigningKeys {
  /** Whether this run made the keys. */
  readonly created: boolean;
  readonly keys: readonly { readonly kid: string; readonly alg: string; readonly state: string }[];
  /** Rows of the table that were added or changed. */
  readonly changed: number;
}

export const createSigningKeys: ProcedureDefinition<SigningTools, Record<string, never>, SigningFacts, CreatedSigningKeys> = {
  name: 'create-signing-keys',
  input: {},
  async look({ db, secret_id, readKeyRing }) {
    const [ring, stored] = await Promise.all([readKeyRing(secret_id), listStoredKeys(db)]);
    return { held: ring && listPublicKeys(ring).map(({ kid }) => kid), stored };
  },
  plan(_input, { held, stored }) {
    const unknown = held?.filter((kid) => !stored.some((key) => key.kid === kid)) ?? [];
    const foreign = stored.filter(({ kid, state }) => !held?.includes(kid) && (state === 'active' || state === 'pending'));
    return {
      steps: [
        ...(held === undefined
          ? ['make a key ring (for each algorithm an active key and the next one), store it in the secret and publish it']
          : []),
        ...unknown.map((kid) => `publish the key ${kid}`),
        ...foreign.map(({ kid }) => `let the key ${kid}, which the secret does not hold, sign no more; it stays published`),
        ...(held !== undefined && unknown.length === 0 && foreign.length === 0 ? ['leave the keys, which are there'] : []),
      ],
    };
  },
  async apply({ db, now, secret_id, readKeyRing, writeKeyRing }, _input, { held }) {
    // Making keys takes a second at worst: not while others wait for the lock.
    const candidate = held === undefined ? await generateKeyRing() : undefined;
    return withKeysLocked(db, async (transaction) => {
      let ring = await readKeyRing(secret_id);
      const created = ring === undefined;
      if (ring === undefined) {
        await writeKeyRing(secret_id, candidate ?? (await generateKeyRing()));
        ring = await readKeyRing(secret_id);
      }
      if (ring === undefined)
        throw new ProcedureFault(
          'verification_failed',
          'the secret has no value after it was written; look at its rotation and permissions',
          false,
        );
      const keys = listPublicKeys(ring);
      const changed = await alignSigningKeys(transaction, ring, now());
      return { created, keys: keys.map(({ kid, alg, state }) => ({ kid, alg, state })), changed };
    });
  },
  describe: ({ created, keys, changed }) =>
    `${keys.length} keys ${created ? 'made' : 'found'}, ${changed} rows of the table changed`,
};
