/** Ties each form to the browser and to the very request that it was shown for (RFC 9700 §4.7). */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { cookieName, writeCookie } from '../http/cookies.ts';
import type { HttpRequest } from '../http/request.ts';
import { Refusal } from '../protocol/errors.ts';

/**
 * The anti-CSRF value of a form: an HMAC under the browser's own random cookie, so that neither another browser nor a form
 * shown for another request has it, and nothing needs to be stored.
 */
function tokenFor(cookie: string, form: 'login' | 'consent' | 'logout', query: string): string {
  return createHmac('sha256', cookie).update(`${form} ${query}`).digest('base64url');
}

/** The value for a form to be shown, with the cookie to set where the browser has none. */
export function issueFormToken(request: HttpRequest, issuer: string, form: 'login' | 'consent' | 'logout', query: string) {
  const existing = request.cookie(cookieName('csrf', issuer));
  if (existing && /^[A-Za-z0-9_-]{43}$/.test(existing)) return { token: tokenFor(existing, form, query), cookies: [] };
  const fresh = randomBytes(32).toString('base64url');
  return { token: tokenFor(fresh, form, query), cookies: [writeCookie('csrf', fresh, issuer)] };
}

/** @throws {Refusal} with status 403 where the form was not shown to this browser for this request */
export function checkFormToken(
  request: HttpRequest,
  issuer: string,
  form: 'login' | 'consent' | 'logout',
  query: string,
  given: string | undefined,
): void {
  const cookie = request.cookie(cookieName('csrf', issuer));
  const expected = Buffer.from(cookie ? tokenFor(cookie, form, query) : '');
  const presented = Buffer.from(given ?? '');
  if (expected.length > 0 && expected.length === presented.length && timingSafeEqual(expected, presented)) return;
  throw new Refusal('invalid_request', 'This form is no longer valid. Go back to the application and start again.', {
    status: 403,
    detail: cookie ? 'anti-CSRF value does not match' : 'anti-CSRF cookie is missing',
  });
}
