/** Builds the claims of logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4). */
import type { SigningAlgorithm } from './client.ts';

/** What a client is told of: the end of one session in which it got tokens. */
export interface LogoutNotice {
  readonly notice_id: string;
  readonly client_id: string;
  readonly subject: string;
  readonly session_id: string;
  readonly uri: string;
  /** The client's `id_token_signed_response_alg`. */
  readonly alg: SigningAlgorithm;
}

/** Seconds; §4 recommends no more than two minutes. */
export const logoutTokenSeconds = 120;

export interface LogoutTokenClaims {
  readonly iss: string;
  readonly aud: string;
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  readonly sub: string;
  readonly sid: string;
  readonly events: Readonly<Record<string, object>>;
}

/** Never with a nonce: so it cannot be taken for an ID token (§2.4). */
export function buildLogoutTokenClaims(notice: LogoutNotice, issuer: string, jti: string, now: Date): LogoutTokenClaims {
  const iat = Math.floor(now.getTime() / 1000);
  return {
    iss: issuer,
    aud: notice.client_id,
    iat,
    exp: iat + logoutTokenSeconds,
    jti,
    sub: notice.subject,
    sid: notice.session_id,
    events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
  };
}
