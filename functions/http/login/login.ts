/** Serves the sign-in page: checks name and password, slows guessing down, starts a session. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Config } from '../../../lib/config.ts';
import { checkFormToken, issueFormToken } from '../../../lib/flows/anti-csrf.ts';
import { locate, readSessionHash, readVisit } from '../../../lib/flows/visit.ts';
import { cookieName, writeCookie } from '../../../lib/http/cookies.ts';
import { contentSecurityPolicy } from '../../../lib/http/pages/layout.ts';
import { renderLogin } from '../../../lib/http/pages/login.ts';
import { type HttpRequest, readForm } from '../../../lib/http/request.ts';
import { answerPage, answerRedirect, type HttpResponse } from '../../../lib/http/response.ts';
import { digest } from '../../../lib/protocol/digest.ts';
import { hashRequest } from '../../../lib/protocol/interaction.ts';
import { refuseRepeated } from '../../../lib/protocol/parameters.ts';
import { dummyHash, hashPassword, needsRehash, verifyPassword } from '../../../lib/protocol/password.ts';
import type { Database } from '../../../lib/store/database.ts';
import { recordAlone } from '../../../lib/store/event-recording.ts';
import { startSession } from '../../../lib/store/sessions.ts';
import { forgiveAttempt } from '../../../lib/store/throttles.ts';
import { findSignIn, replacePasswordHash, type SignIn } from '../../../lib/store/users.ts';
import { count } from '../../../lib/telemetry.ts';
import { countSignIn } from './throttle.ts';

export interface LoginParts {
  readonly config: Config;
  readonly db: Database;
}

/** How long a browser is remembered as one that the account signs in from, in seconds. */
const deviceSeconds = 31_536_000;

/** What the page is shown for: an authorization request, or nothing but a sign-in. */
interface Purpose {
  readonly query: string;
  readonly client_name?: string;
  readonly username?: string;
}

async function readPurpose({ config, db }: LoginParts, request: HttpRequest): Promise<Purpose> {
  if (request.query === '') return { query: '' };
  const visit = await readVisit(db, config, request, request.query);
  const hint = visit.verdict.kind === 'valid' ? visit.verdict.request.login_hint : undefined;
  return {
    query: visit.query,
    ...(visit.client && { client_name: visit.client.client_name || visit.client.client_id }),
    ...(hint !== undefined && { username: hint }),
  };
}

export async function login(parts: LoginParts, request: HttpRequest): Promise<HttpResponse> {
  const purpose = await readPurpose(parts, request);
  return request.method === 'POST' ? signIn(parts, request, purpose) : show(parts, request, purpose, 200);
}

function show(parts: LoginParts, request: HttpRequest, purpose: Purpose, status: number, failure?: string): HttpResponse {
  const { issuer, theme } = parts.config;
  const { token, cookies } = issueFormToken(request, issuer, 'login', purpose.query);
  const html = renderLogin(theme, {
    action: locate(issuer, '/login', purpose.query),
    csrf_token: token,
    ...(purpose.client_name !== undefined && { client_name: purpose.client_name }),
    ...(purpose.username !== undefined && { username: purpose.username }),
    ...(failure !== undefined && { failure }),
  });
  return answerPage(html, contentSecurityPolicy(theme), status, cookies);
}

async function signIn(parts: LoginParts, request: HttpRequest, purpose: Purpose): Promise<HttpResponse> {
  const { config, db } = parts;
  const { issuer } = config;
  const form = readForm(request);
  refuseRepeated(form);
  checkFormToken(request, issuer, 'login', purpose.query, form.get('csrf_token'));
  const username = form.get('username')?.trim().normalize('NFC') ?? '';
  const password = form.get('password') ?? '';
  const retry = { ...purpose, username };
  if (username === '' || password === '') return show(parts, request, retry, 400, 'Enter your username and your password.');
  if (username.length > 256 || password.length > 1024)
    return show(parts, request, retry, 400, 'The username or the password is too long.');

  const device = request.cookie(cookieName('device', issuer));
  const account = await findSignIn(db, username, device ? digest(device) : null);
  const attempt = await countSignIn(
    db,
    account?.username ?? username,
    account?.known_device && device ? device : undefined,
    request.source_ip,
  );
  if (attempt.blocked) {
    count('oauth_failed_authentications');
    request.note('detail', `sign-in throttled: ${attempt.reason}`);
    const minutes = Math.ceil(attempt.resets_in / 60);
    const page = show(
      parts,
      request,
      retry,
      429,
      `Too many attempts. Try again in ${minutes} minute${minutes === 1 ? '' : 's'}.`,
    );
    return { ...page, headers: { ...page.headers, 'retry-after': String(attempt.resets_in) } };
  }
  // An unknown account costs the same time as a wrong password.
  const matches = await verifyPassword(password, account?.password_hash ?? dummyHash);
  if (!account || account.disabled || !matches)
    return refuse(
      parts,
      request,
      retry,
      account,
      account ? (matches ? 'disabled account' : 'wrong password') : 'unknown account',
    );

  request.note('subject', account.subject);
  await forgiveAttempt(db, attempt.buckets);
  const now = new Date();
  if (needsRehash(account.password_hash)) {
    await replacePasswordHash(db, account, await hashPassword(password, randomBytes(16)), now);
  }
  const session = randomBytes(32).toString('base64url');
  const deviceCookie = account.known_device && device ? device : randomBytes(32).toString('base64url');
  const started = await startSession(db, {
    session_hash: digest(session),
    session_id: randomUUID(),
    subject: account.subject,
    authenticated_at: now,
    expires_at: new Date(now.getTime() + config.session_seconds * 1000),
    authenticated_for: purpose.query === '' ? null : hashRequest(purpose.query),
    replaces: readSessionHash(request, issuer),
    device_hash: digest(deviceCookie),
    password_changed_at: account.password_changed_at,
  });
  if (!started) return refuse(parts, request, retry, account, 'changed meanwhile');
  const next = purpose.query === '' ? issuer : locate(issuer, '/oauth/authorize', purpose.query);
  return answerRedirect(next, [
    writeCookie('session', session, issuer, config.session_seconds),
    writeCookie('device', deviceCookie, issuer, deviceSeconds),
    // A new session gets a new anti-CSRF cookie with its next form.
    writeCookie('csrf', '', issuer, 0),
  ]);
}

async function refuse(
  parts: LoginParts,
  request: HttpRequest,
  retry: Purpose,
  account: SignIn | undefined,
  reason: 'unknown account' | 'wrong password' | 'disabled account' | 'changed meanwhile',
): Promise<HttpResponse> {
  count('oauth_failed_authentications');
  request.note('detail', reason === 'disabled account' ? 'sign-in of a disabled account' : reason);
  // No more of these than the throttle lets through.
  await recordAlone(parts.db, new Date(), 'user_authentication_failed', account ? `users/${account.subject}` : null, {
    ...(account && { user_id: account.subject }),
    reason,
  });
  const page = show(parts, request, retry, 401, 'The username or the password is wrong.');
  // RFC 9110 §15.5.2 wants a challenge with every 401; browsers show the page for a scheme they do not know.
  return { ...page, headers: { ...page.headers, 'www-authenticate': 'Cookie realm="oauth2"' } };
}
