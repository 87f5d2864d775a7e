/** Builds the URL that an authorization response redirects to, `iss` included (RFC 6749 §4.1.2, RFC 9207). */
import type { Destination, RedirectRefusal } from './errors.ts';
import { toErrorText } from './errors.ts';

function appendTo(destination: Destination, issuer: string, members: readonly (readonly [string, string])[]): string {
  const query = new URLSearchParams(members.map(([name, value]): [string, string] => [name, value]));
  if (destination.state !== undefined) query.append('state', destination.state);
  query.append('iss', issuer);
  // OAuth 2.1 §2.3: the URI's own query stays. Its text is not parsed again, so that it stays byte for byte.
  const separator = destination.redirect_uri.includes('?') ? '&' : '?';
  // %20 rather than + : a client that decodes the query as a URI reads the same state.
  return destination.redirect_uri + separator + query.toString().replaceAll('+', '%20');
}

export function successLocation(destination: Destination, issuer: string, code: string): string {
  return appendTo(destination, issuer, [['code', code]]);
}

export function refusalLocation(refusal: RedirectRefusal, issuer: string): string {
  return appendTo(refusal.destination, issuer, [
    ['error', refusal.error],
    ['error_description', toErrorText(refusal.description)],
  ]);
}
