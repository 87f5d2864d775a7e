/** Decides which scope is granted (RFC 6749 §3.3, OpenID Connect Core §3.1.2.1). */

/** Scope values of OpenID Connect Core §5.4 and §11: they belong to an end-user. */
export const oidcScope = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'] as const;

/** Splits a scope string, dropping repetition but keeping order. */
export function splitScope(scope: string): string[] {
  return [...new Set(scope.split(' ').filter(Boolean))];
}

/** Whether a text is a scope as RFC 6749 §3.3 writes it. */
export function isScope(text: string): boolean {
  return /^[\x21\x23-\x5b\x5d-\x7e]+( +[\x21\x23-\x5b\x5d-\x7e]+)*$/.test(text);
}

export type ScopeVerdict = { readonly granted: string[] } | { readonly refused: string };

/**
 * The scope of an authorization request. Without `scope`, everything registered that is not OpenID Connect's is the default.
 * Unknown values are ignored where `openid` is asked for (OpenID Connect Core §3.1.2.1) and refused otherwise.
 */
export function decideRequestedScope(requested: string | undefined, registered: string): ScopeVerdict {
  const allowed = splitScope(registered);
  if (requested === undefined) {
    const granted = allowed.filter((value) => !(oidcScope as readonly string[]).includes(value));
    return granted.length > 0 ? { granted } : { refused: 'The parameter scope is missing, and the client has no default scope.' };
  }
  if (!isScope(requested)) return { refused: 'The parameter scope is malformed.' };
  const values = splitScope(requested);
  const unknown = values.filter((value) => !allowed.includes(value));
  const granted = values.filter((value) => allowed.includes(value));
  if (unknown.length > 0 && !granted.includes('openid'))
    return { refused: `The client is not registered for scope ${unknown.join(' ')}.` };
  return { granted };
}

/** The scope of a client's own token: registered values alone, none of them an end-user's. */
export function decideClientScope(requested: string | undefined, registered: string): ScopeVerdict {
  const allowed = splitScope(registered).filter((value) => !(oidcScope as readonly string[]).includes(value));
  if (requested === undefined) return { granted: allowed };
  if (!isScope(requested)) return { refused: 'The parameter scope is malformed.' };
  const values = splitScope(requested);
  const beyond = values.filter((value) => !allowed.includes(value));
  if (beyond.length > 0) return { refused: `The client may not have scope ${beyond.join(' ')} for itself.` };
  return { granted: values };
}

/** The scope of a refreshed token: the granted one or a part of it (RFC 6749 §6). */
export function decideRefreshedScope(requested: string | undefined, granted: string): ScopeVerdict {
  const allowed = splitScope(granted);
  if (requested === undefined) return { granted: allowed };
  if (!isScope(requested)) return { refused: 'The parameter scope is malformed.' };
  const values = splitScope(requested);
  const beyond = values.filter((value) => !allowed.includes(value));
  return beyond.length > 0 ? { refused: `Scope ${beyond.join(' ')} was not granted.` } : { granted: values };
}
