/** Proof Key for Code Exchange, S256 alone (RFC 7636; OAuth 2.1 §4.1.1). */
import { createHash, timingSafeEqual } from 'node:crypto';

/** A BASE64URL(SHA-256) is 43 characters of the unreserved alphabet (RFC 7636 §4.2). */
export function isCodeChallenge(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

/** RFC 7636 §4.1: 43 to 128 unreserved characters. */
export function isCodeVerifier(text: string): boolean {
  return /^[A-Za-z0-9._~-]{43,128}$/.test(text);
}

/** Whether BASE64URL(SHA-256(verifier)) equals the challenge (RFC 7636 §4.6), in constant time. */
export function verifyCodeVerifier(verifier: string, challenge: string): boolean {
  if (!isCodeVerifier(verifier)) return false;
  // Compared as text: decoding would ignore the last two bits, and four challenges would match one verifier.
  const computed = Buffer.from(createHash('sha256').update(verifier, 'ascii').digest('base64url'), 'ascii');
  const expected = Buffer.from(challenge, 'utf8');
  return computed.length === expected.length && timingSafeEqual(computed, expected);
}
