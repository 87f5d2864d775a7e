/** Signs tokens with the active keys, which a sandbox fetches once and again after a few minutes (RFC 7515). */
import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { SigningAlgorithm } from '../protocol/client.ts';
import { encodeHeader, fitsAlgorithm, signCompact } from '../protocol/compact-jws.ts';
import type { PrivateKey, PrivateKeyRing } from '../protocol/key-ring.ts';
import { KeysUnavailable } from './vault.ts';

type TokenType = 'at+jwt' | 'JWT' | 'logout+jwt';

export interface Signer {
  /** @param typ the JOSE header's type: `at+jwt` (RFC 9068 §2.1), `JWT` or `logout+jwt` (Back-Channel Logout §2.4) @throws {KeysUnavailable} */
  sign(claims: object, alg: SigningAlgorithm, typ: TokenType): Promise<string>;
  /** Fetches the keys ahead of the first signature. @throws {KeysUnavailable} */
  prepare(): Promise<void>;
  /** Id of the key that signs; a signature asked for later is by this key or by a newer one. @throws {KeysUnavailable} */
  findKeyId(alg: SigningAlgorithm): Promise<string>;
  /** Gives up a key that was withdrawn and fetches the keys anew. @throws {KeysUnavailable} where there is no other key yet */
  abandon(kid: string): Promise<void>;
}

/** A rotation reaches every sandbox within this time; its keys were published long before. */
const freshForMs = 300_000;

interface ActiveKey {
  readonly kid: string;
  readonly key: KeyObject;
  readonly headers: Readonly<Record<TokenType, string>>;
}

/** @throws {KeysUnavailable} where the secret holds another kind of key than it says */
function importKey({ kid, alg, jwk }: PrivateKey): ActiveKey {
  const key = readKey(jwk);
  if (!key || !fitsAlgorithm(key, alg)) throw new KeysUnavailable(`key ${kid} is not one for ${alg}`);
  const header = (typ: TokenType) => encodeHeader({ alg, typ, kid });
  return { kid, key, headers: { 'at+jwt': header('at+jwt'), JWT: header('JWT'), 'logout+jwt': header('logout+jwt') } };
}

function readKey(jwk: object): KeyObject | undefined {
  try {
    return createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    // The error's text may quote the key.
    return undefined;
  }
}

/** @param load fetches the ring, undefined where none was made yet @param clock milliseconds */
export function createSigner(load: () => Promise<PrivateKeyRing | undefined>, clock: () => number): Signer {
  let active: Promise<Readonly<Record<SigningAlgorithm, ActiveKey>>> | undefined;
  let loadedAt = Number.NEGATIVE_INFINITY;

  const fetchActive = async () => {
    const ring = await load();
    if (!ring) throw new KeysUnavailable('the secret has no value yet: create the signing keys');
    const entries = Object.entries(ring.keys).map(([alg, { active }]) => [alg, importKey(active)]);
    return Object.fromEntries(entries) as Record<SigningAlgorithm, ActiveKey>;
  };

  const current = () => {
    if (active && clock() - loadedAt <= freshForMs) return active;
    const former = active;
    loadedAt = clock();
    // Whoever waits for the same fetch shares its fallback.
    active = fetchActive().catch((cause: unknown) => {
      // Old keys still sign while Secrets Manager is away: they are published.
      active = former;
      loadedAt = former ? clock() - freshForMs + 10_000 : Number.NEGATIVE_INFINITY;
      if (former) return former;
      throw cause;
    });
    return active;
  };

  return {
    prepare: async () => {
      await current();
    },
    findKeyId: async (alg) => (await current())[alg].kid,
    abandon: async (kid) => {
      const signs = async () => Object.values(await current()).some((key) => key.kid === kid);
      // Another request may have fetched its successor already.
      if (!(await signs())) return;
      active = undefined;
      loadedAt = Number.NEGATIVE_INFINITY;
      if (!(await signs())) return;
      active = undefined;
      throw new KeysUnavailable(`key ${kid} is withdrawn, and the secret still holds it`);
    },
    sign: async (claims, alg, typ) => {
      const { key, headers } = (await current())[alg];
      return signCompact(headers[typ], claims, key);
    },
  };
}
