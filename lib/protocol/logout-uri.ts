/** Decides where a logout token may be sent: by the URI when it is registered, by its address when it is sent (Back-Channel Logout §2.2). */
import { isIP } from 'node:net';
import { isLoopbackAddress, isPublicAddress } from './public-address.ts';
import { isLoopbackUri } from './redirect-uri.ts';

/** The IP address that a URI names itself, if it does. */
function literalAddress({ hostname }: URL): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) ? bare : undefined;
}

/** Why a URI may not be registered as backchannel_logout_uri, or undefined where it may. */
export function findLogoutUriFault(uri: string): string | undefined {
  // RFC 3986 §2: as for redirect URIs, nothing that URL parsers read in ways of their own.
  if (!URL.canParse(uri) || !/^[A-Za-z0-9._~:/?#[\]@!$&'()*+,;=%-]+$/.test(uri)) return 'is not an absolute URI';
  if (uri.includes('#')) return 'contains a fragment';
  if (/^[^:]+:\/\/[^/?]*@/.test(uri)) return 'contains user information';
  const url = new URL(uri);
  if (url.protocol === 'http:') return isLoopbackUri(uri) ? undefined : 'uses http on a host that is not the loopback interface';
  if (url.protocol !== 'https:' || !/^[^:]+:\/\/[^/?]/.test(uri)) return 'is not an https URI';
  const address = literalAddress(url);
  return address === undefined || isPublicAddress(address) ? undefined : 'names an address that is not a public one';
}

export interface Reach {
  /** The address, where the URI names one itself: no resolver is asked then. */
  readonly literal: string | undefined;
  /** Whether the token may go to this address. */
  allows(address: string): boolean;
}

/**
 * Where a notice may go now; a registered URI is checked again, as its name may lead elsewhere since.
 * @param issuer a developer's, http on the loopback interface, may reach receivers there; no other may
 * @returns why it may go nowhere at all, otherwise how to check the addresses
 */
export function checkReach(uri: string, issuer: string): Reach | { readonly refused: string } {
  const fault = findLogoutUriFault(uri);
  if (fault !== undefined) return { refused: `the URI ${fault}` };
  const url = new URL(uri);
  const literal = literalAddress(url);
  if (url.protocol === 'https:') return { literal, allows: isPublicAddress };
  if (!isLoopbackUri(`${issuer}/`)) return { refused: 'an http URI is for an issuer on a loopback address only' };
  return { literal, allows: isLoopbackAddress };
}
