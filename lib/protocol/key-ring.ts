/** The key ring: which keys sign, which verifiers see, and how a ring is born (RFC 7517). */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import { type SigningAlgorithm, signingAlgorithms } from './client.ts';

export interface PrivateKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly jwk: JWK;
}

/** What the secret holds: for each algorithm the key that signs and the one that will sign next. */
export interface PrivateKeyRing {
  readonly version: 1;
  /** Made in an emergency: every key that is not in this ring is withdrawn at once, for it may be in the wrong hands. */
  readonly withdraws_others?: true;
  readonly keys: Readonly<Record<SigningAlgorithm, { readonly active: PrivateKey; readonly next: PrivateKey }>>;
}

export type KeyState = 'pending' | 'active' | 'retiring' | 'retired';

/** A public half as the store keeps it. */
export interface PublicKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly public_jwk: JWK;
  readonly state: KeyState;
}

/** Makes one key pair. */
export async function generatePrivateKey(alg: SigningAlgorithm): Promise<PrivateKey> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { kid, alg, jwk };
}

/** Makes a whole ring. */
export async function generateKeyRing(): Promise<PrivateKeyRing> {
  const pairs = await Promise.all(
    signingAlgorithms.map(
      async (alg) => [alg, { active: await generatePrivateKey(alg), next: await generatePrivateKey(alg) }] as const,
    ),
  );
  return { version: 1, keys: Object.fromEntries(pairs) as unknown as PrivateKeyRing['keys'] };
}

/** The ring after this one: the next keys, which verifiers have seen, sign, and new ones will follow them. */
export async function generateSuccessor(ring: PrivateKeyRing): Promise<PrivateKeyRing> {
  const pairs = await Promise.all(
    signingAlgorithms.map(async (alg) => [alg, { active: ring.keys[alg].next, next: await generatePrivateKey(alg) }] as const),
  );
  return { version: 1, keys: Object.fromEntries(pairs) as unknown as PrivateKeyRing['keys'] };
}

/** Public members of RSA and EC keys (RFC 7518 §6.2.1, §6.3.1); whatever else a key has is not published. */
const publicMembers: readonly string[] = ['kty', 'n', 'e', 'crv', 'x', 'y'];

/** The public half of a key, ready to be published. */
export function toPublicJwk(key: PrivateKey): JWK {
  const members = Object.entries(key.jwk).filter(([name]) => publicMembers.includes(name));
  return { ...Object.fromEntries(members), kid: key.kid, alg: key.alg, use: 'sig' } as JWK;
}

/** The public halves of a ring with the states they start in. */
export function listPublicKeys(ring: PrivateKeyRing): PublicKey[] {
  return Object.values(ring.keys).flatMap(({ active, next }) => [
    { kid: active.kid, alg: active.alg, public_jwk: toPublicJwk(active), state: 'active' as const },
    { kid: next.kid, alg: next.alg, public_jwk: toPublicJwk(next), state: 'pending' as const },
  ]);
}

/** Whether a secret's text is a ring of this version. */
export function parseKeyRing(text: string): PrivateKeyRing | undefined {
  try {
    const ring = JSON.parse(text) as PrivateKeyRing;
    const complete = signingAlgorithms.every((alg) => ring.keys[alg]?.active.jwk.d && ring.keys[alg].next.jwk.d);
    return ring.version === 1 && complete ? ring : undefined;
  } catch {
    return undefined;
  }
}
