/** Finds out what an access token says that is sent to one of this server's own resources (RFC 6750). */
import type { Config } from '../config.ts';
import type { HttpRequest } from '../http/request.ts';
import { Refusal } from '../protocol/errors.ts';
import { splitScope } from '../protocol/scope.ts';
import { expiryOf, type FindKey, keyIdOf, verifyAccessToken } from '../protocol/token-verification.ts';
import type { AccessTokenClaims } from '../protocol/tokens.ts';
import type { PresentedAccessToken } from '../store/access-tokens.ts';

export interface BearerParts {
  readonly config: Config;
  readonly findKey: FindKey;
}

export interface BearerToken extends PresentedAccessToken {
  readonly claims: AccessTokenClaims;
  readonly scope: readonly string[];
}

/** RFC 6750 §3: the challenge names the error only where credentials were sent. */
export function refuseToken(detail: string): Refusal {
  const description = 'The access token is not valid.';
  return new Refusal('invalid_token', description, {
    detail,
    challenge: `Bearer realm="oauth2", error="invalid_token", error_description="${description}"`,
  });
}

/** Without credentials there is no error to name (RFC 6750 §3). */
export const missingToken = (): Refusal =>
  new Refusal('invalid_token', 'There is no access token.', { silent: true, challenge: 'Bearer realm="oauth2"' });

/**
 * Whether it was revoked, only the store knows.
 * @throws {Refusal} invalid_token where its text alone tells that it is of no use here
 */
export async function readBearerToken(
  { config, findKey }: BearerParts,
  request: HttpRequest,
  token: string,
): Promise<BearerToken> {
  const claims = await verifyAccessToken(token, findKey, config.issuer);
  if (!claims) throw refuseToken('not a token of this server');
  request.note('client_id', claims.client_id);
  if (claims.exp * 1000 <= Date.now()) throw refuseToken('expired');
  const audience = typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
  // A token for a resource server is of no use here, where that server might replay it (RFC 9068 §4).
  if (!audience.includes(config.issuer)) throw refuseToken(`meant for ${audience.join(' ')}`);
  return { claims, jti: claims.jti, expires_at: expiryOf(claims), kid: keyIdOf(token), scope: splitScope(claims.scope ?? '') };
}

/** @throws {Refusal} insufficient_scope (RFC 6750 §3.1) */
export function requireScope({ scope }: BearerToken, wanted: string): void {
  if (scope.includes(wanted)) return;
  throw new Refusal('insufficient_scope', `The access token lacks the scope ${wanted}.`, {
    challenge: `Bearer realm="oauth2", error="insufficient_scope", scope="${wanted}"`,
  });
}
