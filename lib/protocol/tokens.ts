/** Builds the claims of access tokens (RFC 9068 §2.2) and ID tokens (OpenID Connect Core §2). */
import { createHash } from 'node:crypto';
import { passwordAcr } from './claims-parameter.ts';
import type { Client } from './client.ts';

const seconds = (date: Date) => Math.floor(date.getTime() / 1000);

export interface AccessTokenFacts {
  readonly issuer: string;
  readonly jti: string;
  readonly client_id: string;
  /** The end-user, or the client itself where none takes part (RFC 9068 §2.2). */
  readonly subject: string;
  readonly scope: readonly string[];
  readonly audience: readonly string[];
  readonly issued_at: Date;
  readonly expires_at: Date;
  readonly authenticated_at?: Date;
}

export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  readonly client_id: string;
  readonly scope?: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly auth_time?: number;
}

export function buildAccessTokenClaims(facts: AccessTokenFacts): AccessTokenClaims {
  const [only, ...others] = facts.audience;
  return {
    iss: facts.issuer,
    sub: facts.subject,
    aud: others.length === 0 && only !== undefined ? only : facts.audience,
    client_id: facts.client_id,
    ...(facts.scope.length > 0 && { scope: facts.scope.join(' ') }),
    jti: facts.jti,
    iat: seconds(facts.issued_at),
    exp: seconds(facts.expires_at),
    ...(facts.authenticated_at && { auth_time: seconds(facts.authenticated_at) }),
  };
}

/** The left half of the SHA-256 of a value, as `at_hash` wants it for RS256 and ES256 (OpenID Connect Core §3.1.3.6). */
export function halfHash(value: string): string {
  return createHash('sha256').update(value, 'ascii').digest().subarray(0, 16).toString('base64url');
}

export interface IdTokenFacts {
  readonly issuer: string;
  readonly client: Client;
  readonly subject: string;
  readonly session_id: string;
  readonly authenticated_at: Date;
  readonly amr: readonly string[];
  readonly nonce: string | null;
  readonly access_token: string;
  readonly issued_at: Date;
  readonly lifetime_seconds: number;
  /** Claims that the `claims` parameter asked for. */
  readonly extra: Readonly<Record<string, unknown>>;
}

export function buildIdTokenClaims(facts: IdTokenFacts): Record<string, unknown> {
  const { nonce: _, ...extra } = facts.extra;
  return {
    ...extra,
    iss: facts.issuer,
    sub: facts.subject,
    aud: facts.client.client_id,
    iat: seconds(facts.issued_at),
    exp: seconds(facts.issued_at) + facts.lifetime_seconds,
    auth_time: seconds(facts.authenticated_at),
    acr: passwordAcr,
    amr: facts.amr,
    sid: facts.session_id,
    ...(facts.nonce !== null && { nonce: facts.nonce }),
    at_hash: halfHash(facts.access_token),
  };
}
