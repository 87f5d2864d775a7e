/** The four steps by which one key ring takes the place of another, whoever asks for them: our command, the schedule or Secrets Manager. */
import { createPrivateKey, createPublicKey, type JsonWebKey, sign, verify } from 'node:crypto';
import type { RingVersion, RingVersions } from '../keys/ring-versions.ts';
import { signingAlgorithms } from '../protocol/client.ts';
import { generateKeyRing, generateSuccessor, listPublicKeys, type PrivateKeyRing } from '../protocol/key-ring.ts';
import {
  alignSigningKeys,
  listStoredKeys,
  publishKeys,
  retireExpiredKeys,
  type StoredKey,
  withKeysLocked,
} from '../store/signing-key-administration.ts';
import { listPublishedKeys } from '../store/signing-keys.ts';
import { ProcedureFault } from './input.ts';
import type { Tools } from './procedure.ts';

export interface RotationTools extends Tools {
  readonly versions: RingVersions;
}

/** A key signs only when every verifier may have seen it: the JWKS is a second old at worst, a cache that heeds no s-maxage keeps it for 300 s, and a verifier for as long again. */
export const publishedAheadMs = 660_000;

const noRing = () =>
  new ProcedureFault('no_keys', 'there are no signing keys yet; every deploy and start makes them (create-signing-keys)');

/** The ring that signs now. @throws {ProcedureFault} where there is none */
export async function readCurrent({ versions }: RotationTools): Promise<RingVersion> {
  const current = await versions.read('AWSCURRENT');
  if (!current) throw noRing();
  return current;
}

/** Whether the table says of every key what the ring says, so that no rotation was cut off. */
export function isSettled(ring: PrivateKeyRing, stored: readonly StoredKey[]): boolean {
  const keys = listPublicKeys(ring);
  const told = keys.every(({ kid, state }) => stored.some((key) => key.kid === kid && key.state === state));
  const foreign = stored.filter(({ kid }) => !keys.some((key) => key.kid === kid));
  return told && !(ring.withdraws_others && foreign.some(({ state }) => state === 'active' || state === 'retiring'));
}

/** Whether a ring lets exactly the keys sign that come next by another. */
export function isSuccessor(ring: PrivateKeyRing, former: PrivateKeyRing): boolean {
  return signingAlgorithms.every((alg) => ring.keys[alg].active.kid === former.keys[alg].next.kid);
}

/** @throws {ProcedureFault} too_early, where a verifier may not know the next keys yet */
export function checkPublishedAhead(ring: PrivateKeyRing, stored: readonly StoredKey[], now: Date): void {
  for (const { next } of Object.values(ring.keys)) {
    const published = stored.find(({ kid }) => kid === next.kid)?.created_at;
    const seen = published && new Date(published.getTime() + publishedAheadMs);
    if (!seen || seen > now)
      throw new ProcedureFault(
        'too_early',
        `the next ${next.alg} key was published ${published ? `at ${published.toISOString()}` : 'never'}, and verifiers that cache the JWKS may not ` +
          `have it yet: rotate after ${(seen ?? new Date(now.getTime() + publishedAheadMs)).toISOString()}, or with --emergency where a key was stolen`,
      );
  }
}

/** createSecret: stores the new ring as a pending version. Nothing signs with it. */
export async function storePending(tools: RotationTools, id: string, current: RingVersion, emergency: boolean): Promise<void> {
  const ring = emergency
    ? ({ ...(await generateKeyRing()), withdraws_others: true } as const)
    : await generateSuccessor(current.ring);
  await tools.versions.store(id, ring);
}

/** The pending version. @throws {ProcedureFault} where another rotation took its place */
export async function readPending({ versions }: RotationTools, id: string): Promise<RingVersion> {
  const pending = await versions.read('AWSPENDING');
  if (pending?.id === id) return pending;
  throw beaten();
}

/** testSecret: each private key makes a signature that verifies with what is published under its id. */
export async function testPending({ db }: RotationTools, { ring }: RingVersion): Promise<void> {
  const published = await listPublishedKeys(db);
  const text = Buffer.from('a signature of the new key must verify');
  for (const { active, next } of Object.values(ring.keys))
    for (const { kid, jwk } of [active, next]) {
      const jwkPublished = published.find((key) => key.kid === kid)?.public_jwk;
      const signature = sign('sha256', text, createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' }));
      const verifies =
        jwkPublished && verify('sha256', text, createPublicKey({ key: jwkPublished as JsonWebKey, format: 'jwk' }), signature);
      if (!verifies)
        throw new ProcedureFault(
          'verification_failed',
          `the key ${kid} does not verify with what is published under its id`,
          false,
        );
    }
}

const beaten = () =>
  new ProcedureFault(
    'conflict',
    'another rotation of the signing keys was faster; `oauth2ctl status` shows the keys that there are now',
  );

/**
 * finishSecret: makes the pending version the current one, then tells the table.
 * @throws {ProcedureFault} conflict, where another rotation was faster
 */
export async function finish(tools: RotationTools, pending: RingVersion, inPlaceOf: string): Promise<void> {
  if (!(await tools.versions.promote(pending.id, inPlaceOf))) throw beaten();
  if ((await settle(tools)) === 0) throw beaten();
}

/** Brings the table in line with the current ring, whichever that is now. @returns how many keys changed */
export function settle(tools: RotationTools): Promise<number> {
  return withKeysLocked(tools.db, async (transaction) => {
    const { ring } = await readCurrent(tools);
    return alignSigningKeys(transaction, ring, tools.now());
  });
}

export interface RotatedKeys {
  readonly emergency: boolean;
  /** Whether it only finished an earlier rotation that was cut off. */
  readonly finished_earlier: boolean;
  readonly keys: readonly { readonly kid: string; readonly alg: string; readonly state: string }[];
}

/** Replaces the ring in all four steps. @param id of the new version */
export async function replaceRing(tools: RotationTools, emergency: boolean, id: string): Promise<void> {
  const current = await readCurrent(tools);
  if (!emergency) checkPublishedAhead(current.ring, await listStoredKeys(tools.db), tools.now());
  await storePending(tools, id, current, emergency);
  const pending = await readPending(tools, id);
  await publishKeys(tools.db, pending.ring, tools.now());
  await testPending(tools, pending);
  await finish(tools, pending, current.id);
}

/** The keys as they are now, of which expired ones were withdrawn; checks that the table tells what the secret holds. */
export async function concludeRotation(
  tools: RotationTools,
  outcome: Pick<RotatedKeys, 'emergency' | 'finished_earlier'>,
): Promise<RotatedKeys> {
  await retireExpiredKeys(tools.db, tools.now());
  const [{ ring }, stored] = await Promise.all([readCurrent(tools), listStoredKeys(tools.db)]);
  if (!isSettled(ring, stored))
    throw new ProcedureFault('verification_failed', 'the published keys are not those of the secret; run it again', false);
  const keys = stored.filter(({ state }) => state !== 'retired').map(({ kid, alg, state }) => ({ kid, alg, state }));
  return { ...outcome, keys };
}
