/** What the grant types of the token endpoint share: their parts, their checks and the making of tokens. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../../../lib/config.ts';
import type { HttpRequest } from '../../../lib/http/request.ts';
import type { Signer } from '../../../lib/keys/signer.ts';
import type { RequestedClaims } from '../../../lib/protocol/claims-parameter.ts';
import type { Client, GrantType } from '../../../lib/protocol/client.ts';
import type { ClientCredentials } from '../../../lib/protocol/client-authentication.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import type { Parameters } from '../../../lib/protocol/parameters.ts';
import { buildAccessTokenClaims, buildIdTokenClaims } from '../../../lib/protocol/tokens.ts';
import { releaseRequested } from '../../../lib/protocol/userinfo.ts';
import type { IssuedAccessToken, TokenUser } from '../../../lib/store/access-tokens.ts';
import type { Database } from '../../../lib/store/database.ts';
import { isKeyWithdrawn } from '../../../lib/store/signing-keys.ts';

export interface TokenParts {
  readonly config: Config;
  readonly db: Database;
  readonly signer: Signer;
}

export interface TokenRequest {
  readonly http: HttpRequest;
  readonly form: Parameters;
  readonly credentials: ClientCredentials;
}

/** @throws {Refusal} unauthorized_client (RFC 6749 §5.2) */
export function requireGrantType(client: Client, grantType: GrantType): void {
  if (!client.grant_types.includes(grantType)) {
    throw new Refusal('unauthorized_client', `The client is not registered for the grant type ${grantType}.`);
  }
}

/** A new access token's identity, its key and its times. @throws {KeysUnavailable} */
export async function planAccessToken({ config, signer }: TokenParts, now: Date): Promise<IssuedAccessToken> {
  return {
    jti: randomUUID(),
    issued_at: now,
    expires_at: new Date((Math.floor(now.getTime() / 1000) + config.access_token_seconds) * 1000),
    kid: await signer.findKeyId(config.access_token_alg),
  };
}

/**
 * Finds out whether a token could not be recorded because its key was withdrawn in an emergency, and gives that key up.
 * @returns whether that was the reason, so that another attempt is signed by another key
 * @throws {KeysUnavailable} where there is none yet
 */
export async function leaveWithdrawnKey({ db, signer }: TokenParts, { kid }: IssuedAccessToken): Promise<boolean> {
  if (!(await isKeyWithdrawn(db, kid))) return false;
  await signer.abandon(kid);
  return true;
}

export interface AccessTokenContent {
  readonly client: Client;
  readonly subject: string;
  readonly scope: readonly string[];
  readonly audience: readonly string[];
  readonly authenticated_at?: Date;
}

export function signAccessToken(parts: TokenParts, token: IssuedAccessToken, content: AccessTokenContent): Promise<string> {
  const { client, ...rest } = content;
  const claims = buildAccessTokenClaims({ issuer: parts.config.issuer, client_id: client.client_id, ...token, ...rest });
  return parts.signer.sign(claims, parts.config.access_token_alg, 'at+jwt');
}

/** What an ID token says of the sign-in, from a code or from a family. */
export interface SignInFacts {
  readonly subject: string;
  readonly session_id: string;
  readonly authenticated_at: Date;
  readonly amr: readonly string[];
  readonly claims: RequestedClaims | null;
  readonly nonce: string | null;
}

export function signIdToken(
  parts: TokenParts,
  client: Client,
  facts: SignInFacts,
  user: TokenUser,
  accessToken: string,
  now: Date,
): Promise<string> {
  const claims = buildIdTokenClaims({
    issuer: parts.config.issuer,
    client,
    subject: facts.subject,
    session_id: facts.session_id,
    authenticated_at: facts.authenticated_at,
    amr: facts.amr,
    nonce: facts.nonce,
    access_token: accessToken,
    issued_at: now,
    lifetime_seconds: parts.config.id_token_seconds,
    extra: releaseRequested(user, facts.claims?.id_token),
  });
  return parts.signer.sign(claims, client.id_token_signed_response_alg, 'JWT');
}
