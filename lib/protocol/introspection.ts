/** What introspection tells of a token, and to whom (RFC 7662 §2.2, §4). */
import type { Client } from './client.ts';
import type { TokenFamily } from './refresh-token.ts';
import { chooseAudience } from './resource.ts';
import type { AccessTokenClaims } from './tokens.ts';

export type Introspection = { readonly active: false } | ({ readonly active: true } & Readonly<Record<string, unknown>>);

/** All that is said of a token that is not active, whatever the reason (RFC 7662 §2.2). */
export const inactive: Introspection = { active: false };

/** What is looked at of the client that asks. */
export type Caller = Pick<Client, 'client_id' | 'resources'>;

/** Whether a caller may know of a token: it was issued to the caller, or is meant for a resource that the caller is registered for. */
export function mayIntrospect(caller: Caller, clientId: string, audience: readonly string[]): boolean {
  return caller.client_id === clientId || audience.some((uri) => caller.resources.includes(uri));
}

export function describeAccessToken(
  claims: AccessTokenClaims,
  active: boolean,
  username: string | null,
  caller: Caller,
  now: Date,
): Introspection {
  const audience = typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
  if (!active || claims.exp * 1000 <= now.getTime() || !mayIntrospect(caller, claims.client_id, audience)) return inactive;
  return { active: true, token_type: 'Bearer', ...claims, ...(username !== null && { username }) };
}

export function describeRefreshToken(family: TokenFamily, username: string, issuer: string, caller: Caller): Introspection {
  // Nobody but its client has any business with a refresh token.
  if (caller.client_id !== family.client_id) return inactive;
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
  const ends =
    family.refresh_expires_at && family.refresh_expires_at < family.expires_at ? family.refresh_expires_at : family.expires_at;
  const audience = chooseAudience(family.resources, issuer);
  return {
    active: true,
    iss: issuer,
    client_id: family.client_id,
    sub: family.subject,
    username,
    scope: family.scope,
    aud: audience.length === 1 ? audience[0] : audience,
    iat: seconds(family.rotated_at ?? family.issued_at),
    exp: seconds(ends),
  };
}
