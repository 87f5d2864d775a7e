/** Verifies our own JWTs, each key with its own algorithm and each use with its own type (RFC 8725 §3.1, §3.11, RFC 9068 §4). */
import type { KeyObject } from 'node:crypto';
import { signingAlgorithms } from './client.ts';
import { readCompact, type UnverifiedJws, verifyCompact } from './compact-jws.ts';
import { digest } from './digest.ts';
import type { AccessTokenClaims } from './tokens.ts';

/** Finds a published key by its id; undefined where there is none. */
export type FindKey = (kid: string) => Promise<{ readonly alg: string; readonly key: KeyObject } | undefined>;

const isSigningAlgorithm = (alg: unknown) => signingAlgorithms.some((one) => one === alg);

type Claims = Readonly<Record<string, unknown>>;

/** Tokens that one key is known to have signed: resource servers ask about the same ones again and again. */
const mostRemembered = 1000;
/** A key that is fetched anew, or was withdrawn, leaves nothing behind. */
const remembered = new WeakMap<KeyObject, Map<string, Claims>>();

/** As `verifyCompact`, but looks at a signature once. What is kept is a digest, as no token lies about in memory. */
function verifyOnce(token: string, jws: UnverifiedJws, key: KeyObject): Claims | undefined {
  let known = remembered.get(key);
  if (!known) {
    known = new Map();
    remembered.set(key, known);
  }
  const name = digest(token).toString('latin1');
  const seen = known.get(name);
  if (seen) return seen;
  const claims = verifyCompact(jws, key);
  if (!claims) return undefined;
  if (known.size >= mostRemembered) known.delete(known.keys().next().value as string);
  known.set(name, Object.freeze(claims));
  return claims;
}

/** @throws what `findKey` throws: a database that is away is not the token's fault */
async function verify(token: string, findKey: FindKey, typ: string): Promise<Claims | 'unknown key' | undefined> {
  if (token.length > 16_384) return undefined;
  const jws = readCompact(token);
  if (!jws) return undefined;
  // Only our own keys count: an embedded jwk, jku or x5u is never looked at.
  const { alg, kid, typ: given } = jws.header;
  if (given !== typ || typeof kid !== 'string' || !isSigningAlgorithm(alg)) return undefined;
  const found = await findKey(kid);
  if (!found) return 'unknown key';
  return found.alg === alg ? verifyOnce(token, jws, found.key) : undefined;
}

/**
 * The claims of an access token of this issuer with a good signature, expired or not.
 * @returns undefined for everything else, an ID token included (RFC 9068 §4: typ)
 */
export async function verifyAccessToken(token: string, findKey: FindKey, issuer: string): Promise<AccessTokenClaims | undefined> {
  const claims = await verify(token, findKey, 'at+jwt');
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  if (typeof claims !== 'object' || claims.iss !== issuer || typeof claims.jti !== 'string' || !uuid.test(claims.jti))
    return undefined;
  if (typeof claims.exp !== 'number' || typeof claims.sub !== 'string' || typeof claims.client_id !== 'string') return undefined;
  return claims as unknown as AccessTokenClaims;
}

/** Id of the key that signed a verified token. */
export function keyIdOf(token: string): string {
  return String(readCompact(token)?.header.kid);
}

/** When an access token ends. */
export function expiryOf(claims: { readonly exp: number }): Date {
  return new Date(claims.exp * 1000);
}

export interface IdTokenHint {
  readonly sub: string;
  readonly aud: string;
  readonly sid: string | undefined;
}

/**
 * The claims of an ID token of this issuer given as a hint: an expired one is as good (OpenID Connect RP-Initiated Logout §2).
 * @returns undefined where it was changed, or is not an ID token of ours; `unknown key` where nobody can tell any more, as a session may outlive
 * the key that signed for it
 */
export async function verifyIdTokenHint(
  token: string,
  findKey: FindKey,
  issuer: string,
): Promise<IdTokenHint | 'unknown key' | undefined> {
  const claims = await verify(token, findKey, 'JWT');
  if (claims === 'unknown key') return claims;
  if (!claims || claims.iss !== issuer || typeof claims.sub !== 'string' || typeof claims.aud !== 'string') return undefined;
  return { sub: claims.sub, aud: claims.aud, sid: typeof claims.sid === 'string' ? claims.sid : undefined };
}
