/** Which claims about an end-user a scope or the `claims` parameter releases (OpenID Connect Core §5.3–§5.5). */
import type { ClaimRequest, RequestedClaims } from './claims-parameter.ts';

export interface UserFacts {
  readonly subject: string;
  readonly username: string;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly updated_at: Date;
}

/** OpenID Connect Core §5.4. */
const claimsOfScope: Readonly<Record<string, readonly string[]>> = {
  profile: [
    'name',
    'family_name',
    'given_name',
    'middle_name',
    'nickname',
    'preferred_username',
    'profile',
    'picture',
    'website',
    'gender',
    'birthdate',
    'zoneinfo',
    'locale',
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
};

/** Every claim that can be released, for the discovery document. */
export const releasableClaims: readonly string[] = Object.values(claimsOfScope).flat();

function factsAsClaims(user: UserFacts): Record<string, unknown> {
  return {
    preferred_username: user.username,
    ...user.claims,
    updated_at: Math.floor(user.updated_at.getTime() / 1000),
    ...(user.email !== null && { email: user.email, email_verified: user.email_verified }),
  };
}

/** The claims that were asked for one by one; unknown and absent ones are left out (Core §5.5.1: none of them is an error). */
export function releaseRequested(
  user: UserFacts,
  requested: Readonly<Record<string, ClaimRequest | null>> | undefined,
): Record<string, unknown> {
  const all = factsAsClaims(user);
  const names = Object.keys(requested ?? {}).filter((name) => releasableClaims.includes(name) && all[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, all[name]]));
}

/** The userinfo answer. `sub` always equals the ID token's (Core §5.3.2). */
export function describeUser(
  user: UserFacts,
  scope: readonly string[],
  requested: RequestedClaims | null,
): Record<string, unknown> {
  const all = factsAsClaims(user);
  const names = scope.flatMap((value) => claimsOfScope[value] ?? []).filter((name) => all[name] !== undefined);
  return {
    ...Object.fromEntries(names.map((name) => [name, all[name]])),
    ...releaseRequested(user, requested?.userinfo),
    sub: user.subject,
  };
}
