/** Makes what a client says of itself fit to be shown: names that cannot disguise themselves, links that lead where they say. */
import { type Html, html } from './html.ts';

// Line and paragraph separators, controls, and the invisible characters that reorder or hide text. The joiners U+200C and U+200D
// stay: Persian, Indic scripts and emoji need them.
const deceptive =
  /[\p{Cc}\p{Zl}\p{Zp}\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/**
 * A name as one line of at most `limit` characters, without control and reordering characters and without towers of
 * combining marks. What is cut off ends in `…`; a name of which nothing is left becomes `''`.
 */
export function plainName(name: string, limit = 80): string {
  const line = name
    .toWellFormed()
    .replace(/\s+/gu, ' ')
    .replace(deceptive, '')
    .replace(/(\p{M}{3})\p{M}+/gu, '$1')
    .trim();
  const characters = Array.from(line);
  return characters.length <= limit
    ? line
    : `${characters
        .slice(0, limit - 1)
        .join('')
        .trimEnd()}…`;
}

/** A name in an element of its own that keeps its writing direction from touching the sentence around it. */
export function nameElement(name: string, limit?: number): Html {
  return html`<bdi>${plainName(name, limit)}</bdi>`;
}

/** The URL if it is https and hides no other host behind a user name, otherwise `undefined`. */
export function httpsUrl(value: string | null | undefined): URL | undefined {
  const url = value ? URL.parse(value) : null;
  return url?.protocol === 'https:' && url.username === '' && url.password === '' ? url : undefined;
}

export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i.test(hostname);
}

/** The URL if a browser may be sent there by a link: https, http on this device, or an app's own scheme (RFC 8252 §7.1). */
export function returnUrl(value: string | null | undefined): URL | undefined {
  const url = value ? URL.parse(value) : null;
  if (!url) return undefined;
  const allowed = url.protocol === 'http:' ? isLoopback(url.hostname) : url.protocol === 'https:' || url.protocol.includes('.');
  return allowed ? url : undefined;
}
