/** Digests and comparisons of secrets: high-entropy values by SHA-256, always compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** SHA-256 of a token, code, cookie or generated secret: what the store keeps of it. */
export function digest(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}

/** Whether a presented secret is the one that was stored, in constant time. */
export function matchesDigest(presented: string, stored: Uint8Array): boolean {
  const computed = digest(presented);
  return computed.length === stored.length && timingSafeEqual(computed, stored);
}

/** Whether two digests are equal, in constant time. */
export function equalDigests(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
