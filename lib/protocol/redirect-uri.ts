/** Matches redirect URIs by simple string comparison, the port of a loopback one aside (OAuth 2.1 §2.3.1, §8.4.2). */
import { type Destination, markProven } from './errors.ts';

const loopback = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(?::(\d{1,5}))?(\/[^#]*)?$/;

/** The URI without its port, where it is a loopback one. */
function withoutLoopbackPort(uri: string): string | undefined {
  const parts = loopback.exec(uri);
  if (!parts || Number(parts[2] ?? 0) > 65535) return undefined;
  return `http://${parts[1]}${parts[3] ?? ''}`;
}

/** Whether a URI is http on the loopback interface, as a developer's own machine has it. */
export function isLoopbackUri(uri: string): boolean {
  return withoutLoopbackPort(uri) !== undefined;
}

/** Whether a given redirect URI is a registered one: equal, or a loopback one that differs in its port alone (RFC 8252 §7.3). */
export function matchesRedirectUri(given: string, registered: string): boolean {
  if (given === registered) return true;
  const bare = withoutLoopbackPort(given);
  return bare !== undefined && bare === withoutLoopbackPort(registered);
}

export type DestinationVerdict = { readonly destination: Destination } | { readonly unproven: string };

/**
 * Proves where an authorization response may go.
 * @param openid whether the request is OpenID Connect's, where redirect_uri is required (Core §3.1.2.1)
 */
export function proveDestination(
  client: { readonly client_id: string; readonly redirect_uris: readonly string[] },
  given: string | undefined,
  state: string | undefined,
  openid: boolean,
): DestinationVerdict {
  const { client_id, redirect_uris } = client;
  if (given !== undefined) {
    if (!redirect_uris.some((registered) => matchesRedirectUri(given, registered))) {
      return { unproven: 'The redirect_uri is not one that the client registered.' };
    }
    return { destination: markProven({ client_id, redirect_uri: given, given: true, state }) };
  }
  if (openid) return { unproven: 'The parameter redirect_uri is missing.' };
  const [only, ...others] = redirect_uris;
  if (only === undefined) return { unproven: 'The client has no registered redirect_uri.' };
  // RFC 6749 §3.1.2.3
  if (others.length > 0) return { unproven: 'The parameter redirect_uri is missing, and the client registered several.' };
  return { destination: markProven({ client_id, redirect_uri: only, given: false, state }) };
}

/** What an authorization response adds to the query: were it there already, the client could read the wrong one (RFC 9207 §2). */
const responseParameters = ['code', 'state', 'iss', 'error', 'error_description'];

/** Why a URI may not be registered, or undefined where it may (OAuth 2.1 §2.3.1, §8.4). */
export function findRedirectUriFault(uri: string): string | undefined {
  // RFC 3986 §2: no quote, backslash, angle bracket or the like, which URL parsers read in ways of their own.
  if (!URL.canParse(uri) || !/^[A-Za-z0-9._~:/?#[\]@!$&'()*+,;=%-]+$/.test(uri)) return 'is not an absolute URI';
  if (uri.includes('#')) return 'contains a fragment';
  const url = new URL(uri);
  if (/^[^:]+:\/\/[^/?]*@/.test(uri)) return 'contains user information';
  const taken = responseParameters.find((name) => url.searchParams.has(name));
  if (taken !== undefined) return `contains the parameter ${taken}, which the authorization response sets`;
  if (url.protocol === 'https:') return /^[^:]+:\/\/[^/?]/.test(uri) ? undefined : 'is not an absolute URI';
  if (url.protocol === 'http:') return loopback.test(uri) ? undefined : 'uses http on a host that is not the loopback interface';
  // RFC 8252 §7.1: a private-use scheme is a reversed domain name, which also keeps javascript:, data: and file: out.
  return url.protocol.slice(0, -1).includes('.') ? undefined : 'uses a scheme that is neither https nor a reversed domain name';
}
