/** Decides what the exchange of an authorization code yields (OAuth 2.1 §4.1.3, OpenID Connect Core §3.1.3.2). */
import type { RequestedClaims } from './claims-parameter.ts';
import type { Client } from './client.ts';
import type { ErrorCode } from './errors.ts';
import type { Parameters } from './parameters.ts';
import { verifyCodeVerifier } from './pkce.ts';
import { decideResources } from './resource.ts';

export interface AuthorizationCode {
  readonly code_hash: Uint8Array;
  readonly client_id: string;
  readonly subject: string;
  readonly session_id: string;
  readonly family_id: string;
  readonly redirect_uri: string;
  readonly redirect_uri_given: boolean;
  readonly scope: string;
  readonly resources: readonly string[];
  readonly nonce: string | null;
  readonly code_challenge: string | null;
  readonly authenticated_at: Date;
  readonly amr: readonly string[];
  readonly claims: RequestedClaims | null;
  readonly issued_at: Date;
  readonly expires_at: Date;
  readonly redeemed_at: Date | null;
}

export type CodeVerdict =
  | { readonly kind: 'redeem'; readonly code: AuthorizationCode; readonly resources: readonly string[] }
  /** A valid second request: what the first one got is revoked (OAuth 2.1 §4.1.3). */
  | { readonly kind: 'replayed'; readonly family_id: string }
  | { readonly kind: 'refused'; readonly error: ErrorCode; readonly description: string; readonly detail?: string };

/**
 * Judges one exchange. Every check of the request comes before the check for replay, so that a request with a wrong
 * verifier or of a wrong client neither burns the code nor revokes anything (OAuth 2.1 §7.5.2).
 * @param code undefined where the store knows no such code
 * @param ended why its end-user may not get tokens any more, for the operator; undefined where he may
 */
export function judgeCode(
  code: AuthorizationCode | undefined,
  ended: string | undefined,
  client: Client,
  parameters: Parameters,
  now: Date,
): CodeVerdict {
  const refuse = (description: string, detail?: string): CodeVerdict => ({
    kind: 'refused',
    error: 'invalid_grant',
    description,
    ...(detail !== undefined && { detail }),
  });
  if (!code) return refuse('The code is not valid.', 'code is unknown');
  if (code.client_id !== client.client_id) return refuse('The code is not valid.', `code was issued to ${code.client_id}`);

  const redirectUri = parameters.get('redirect_uri');
  if (redirectUri !== undefined && redirectUri !== code.redirect_uri)
    return refuse('The redirect_uri differs from the one of the request.');

  const verifier = parameters.get('code_verifier');
  if (code.code_challenge === null) {
    // OAuth 2.1 §4.1.2.1: a verifier without a challenge is the sign of a stripped challenge.
    if (verifier !== undefined) {
      return {
        kind: 'refused',
        error: 'invalid_request',
        description: 'A code_verifier was sent, but the authorization request had no code_challenge.',
      };
    }
    // RFC 6749 §4.1.3: without PKCE, redirect_uri is what ties the code to the request.
    if (code.redirect_uri_given && redirectUri === undefined) return refuse('The parameter redirect_uri is missing.');
  } else {
    if (verifier === undefined) return refuse('The parameter code_verifier is missing.');
    if (!verifyCodeVerifier(verifier, code.code_challenge)) return refuse('The code_verifier does not match the code_challenge.');
  }

  const resources = decideResources(parameters.all('resource'), code.resources);
  if ('refused' in resources) return { kind: 'refused', error: 'invalid_target', description: resources.refused };

  if (code.redeemed_at) return { kind: 'replayed', family_id: code.family_id };
  if (code.expires_at <= now) return refuse('The code is not valid.', 'code has expired');
  if (ended !== undefined) return refuse('The code is not valid.', ended);
  return { kind: 'redeem', code, resources: resources.granted.length > 0 ? resources.granted : code.resources };
}
