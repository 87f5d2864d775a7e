/** Decides what a presented refresh token yields: rotation, an idempotent retry, or the end of its family (OAuth 2.1 §4.3, RFC 9700 §4.14). */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import type { RequestedClaims } from './claims-parameter.ts';
import { digest, equalDigests } from './digest.ts';

/** Everything issued from one authorization; it holds the current refresh token. */
export interface TokenFamily {
  readonly family_id: string;
  readonly client_id: string;
  readonly subject: string;
  readonly session_id: string;
  readonly scope: string;
  readonly resources: readonly string[];
  readonly authenticated_at: Date;
  readonly amr: readonly string[];
  readonly claims: RequestedClaims | null;
  readonly offline: boolean;
  readonly issued_at: Date;
  readonly expires_at: Date;
  readonly refresh_hash: Uint8Array | null;
  readonly refresh_expires_at: Date | null;
  readonly generation: number;
  readonly previous_hash: Uint8Array | null;
  readonly rotated_at: Date | null;
  readonly successor_sealed: Uint8Array | null;
  readonly revoked_at: Date | null;
}

const prefix = 'rt_';

/** Writes a refresh token: its family and 256 random bits. */
export function formatRefreshToken(familyId: string, secret: Uint8Array): string {
  return prefix + Buffer.concat([Buffer.from(familyId.replaceAll('-', ''), 'hex'), secret]).toString('base64url');
}

/** The family that a refresh token names, or undefined where the text is no refresh token of this server. */
export function readFamilyId(token: string): string | undefined {
  if (!/^rt_[A-Za-z0-9_-]{64}$/.test(token)) return undefined;
  const hex = Buffer.from(token.slice(prefix.length), 'base64url').toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function sealingKey(previousToken: string): Buffer {
  return createHash('sha256').update('successor of ').update(previousToken).digest();
}

/** Encrypts the successor so that only the token before it opens it (AES-256-GCM; the key seals once, so the nonce may be constant). */
export function sealSuccessor(successor: string, previousToken: string): Buffer {
  const cipher = createCipheriv('aes-256-gcm', sealingKey(previousToken), Buffer.alloc(12));
  return Buffer.concat([cipher.update(successor, 'ascii'), cipher.final(), cipher.getAuthTag()]);
}

/** @returns the successor, or undefined where the token is not the one before it */
export function openSuccessor(sealed: Uint8Array, previousToken: string): string | undefined {
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(previousToken), Buffer.alloc(12), { authTagLength: 16 });
  try {
    decipher.setAuthTag(sealed.subarray(-16));
    const text = decipher.update(sealed.subarray(0, -16));
    return Buffer.concat([text, decipher.final()]).toString('ascii');
  } catch {
    return undefined;
  }
}

export type RefreshVerdict =
  | { readonly kind: 'rotate'; readonly family: TokenFamily }
  /** The answer to the rotation was lost: the same successor is handed out again. */
  | { readonly kind: 'retry'; readonly family: TokenFamily; readonly successor: string }
  /** Somebody else holds a token of this family. */
  | { readonly kind: 'reused'; readonly family: TokenFamily }
  | { readonly kind: 'refused'; readonly detail: string };

/**
 * Judges a presented refresh token.
 * @param family undefined where the store knows no such family
 * @param active whether client, end-user and, unless offline, the session may still get tokens
 * @param graceSeconds how long a rotated token may be retried, 0 for never
 */
export function judgeRefreshToken(
  presented: string,
  family: TokenFamily | undefined,
  active: boolean,
  clientId: string,
  graceSeconds: number,
  now: Date,
): RefreshVerdict {
  if (!family) return { kind: 'refused', detail: 'refresh token is unknown' };
  // Another client learns nothing and changes nothing.
  if (family.client_id !== clientId) return { kind: 'refused', detail: `refresh token was issued to ${family.client_id}` };
  if (family.revoked_at) return { kind: 'refused', detail: 'token family is revoked' };
  if (family.expires_at <= now) return { kind: 'refused', detail: 'token family has reached its absolute lifetime' };
  if (!active) return { kind: 'refused', detail: 'account, client or session is no longer active' };
  const hash = digest(presented);
  const idle = !family.refresh_expires_at || family.refresh_expires_at <= now;
  if (family.refresh_hash && equalDigests(hash, family.refresh_hash)) {
    return idle ? { kind: 'refused', detail: 'refresh token was idle too long' } : { kind: 'rotate', family };
  }
  if (family.previous_hash && equalDigests(hash, family.previous_hash) && family.rotated_at && family.successor_sealed) {
    // Another sandbox's clock may be ahead of this one's: the age can be below zero, and no grace must stay none.
    const inGrace = graceSeconds > 0 && now.getTime() - family.rotated_at.getTime() < graceSeconds * 1000;
    const successor = inGrace ? openSuccessor(family.successor_sealed, presented) : undefined;
    if (successor !== undefined && idle)
      return { kind: 'refused', detail: 'the successor of the refresh token was idle too long' };
    if (successor !== undefined) return { kind: 'retry', family, successor };
  }
  // Only a former token of the family can name it: OAuth 2.1 §4.3.1.
  return { kind: 'reused', family };
}
