/** Holds the published keys of a sandbox: imported once, fetched again when a token names one that is not there. */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { fitsAlgorithm } from '../protocol/compact-jws.ts';
import type { PublicKey } from '../protocol/key-ring.ts';
import type { FindKey } from '../protocol/token-verification.ts';

/** A withdrawn key is trusted for this long at most; revoked tokens are inactive at once, by their rows. */
const freshForMs = 300_000;
/** Tokens with made-up key ids make the table be read no more often than this, after the first few: a new key is found at once. */
const pauseMs = 5_000;
const mostSpare = 5;

/** @param load asks the store for the published keys @param clock milliseconds */
export function createKeyFinder(load: () => Promise<PublicKey[]>, clock: () => number): FindKey {
  let known = new Map<string, { readonly alg: string; readonly key: KeyObject }>();
  let loadedAt = Number.NEGATIVE_INFINITY;
  let spare = mostSpare;
  let countedAt = clock();
  /** Takes one of the few looks that made-up key ids are worth. */
  const mayLookAgain = () => {
    spare = Math.min(mostSpare, spare + (clock() - countedAt) / pauseMs);
    countedAt = clock();
    if (spare < 1) return false;
    spare -= 1;
    return true;
  };
  const reload = async () => {
    const keys = await load();
    const imported = keys.map(({ kid, alg, public_jwk }) => {
      const key = createPublicKey({ key: public_jwk as JsonWebKey, format: 'jwk' });
      return { kid, alg, key };
    });
    known = new Map(imported.filter(({ alg, key }) => fitsAlgorithm(key, alg)).map(({ kid, alg, key }) => [kid, { alg, key }]));
    loadedAt = clock();
  };
  return async (kid) => {
    const age = clock() - loadedAt;
    if (age > freshForMs || (!known.has(kid) && mayLookAgain())) await reload();
    return known.get(kid);
  };
}
