/** Names and writes the cookies: host-bound, out of the reach of scripts (RFC 6265, RFC 9700 §4.7). */

export type CookieName = 'session' | 'csrf' | 'device';

/** With https the `__Host-` prefix keeps other hosts of the domain from planting the cookie; plain http has no such thing. */
export function cookieName(name: CookieName, issuer: string): string {
  return issuer.startsWith('https:') ? `__Host-${name}` : name;
}

/** @param seconds lifetime; absent for a cookie that ends with the browser, 0 to delete it */
export function writeCookie(name: CookieName, value: string, issuer: string, seconds?: number): string {
  const age = seconds === undefined ? '' : `; Max-Age=${seconds}`;
  // Lax: the authorization request arrives by a link from the client's site.
  const secure = issuer.startsWith('https:') ? '; Secure' : '';
  return `${cookieName(name, issuer)}=${value}; Path=/${age}; HttpOnly; SameSite=Lax${secure}`;
}
