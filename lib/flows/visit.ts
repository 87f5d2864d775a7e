/** What the authorization endpoint and the pages know when a browser comes: its request, its session and its consent. */
import type { Config } from '../config.ts';
import { cookieName } from '../http/cookies.ts';
import type { HttpRequest } from '../http/request.ts';
import { answerRedirect, type HttpResponse } from '../http/response.ts';
import { type AuthorizationRequestVerdict, checkAuthorizationRequest, readClientId } from '../protocol/authorization-request.ts';
import { refusalLocation } from '../protocol/authorization-response.ts';
import { digest } from '../protocol/digest.ts';
import { type RedirectRefusal, Refusal } from '../protocol/errors.ts';
import { hashRequest } from '../protocol/interaction.ts';
import { type Parameters, parseParameters } from '../protocol/parameters.ts';
import type { Database } from '../store/database.ts';
import { findVisit, type Visit } from '../store/sessions.ts';

export interface BrowserVisit extends Visit {
  readonly parameters: Parameters;
  /** The request as one canonical query: what the pages carry on. */
  readonly query: string;
  readonly request_hash: Uint8Array;
  readonly verdict: AuthorizationRequestVerdict;
}

/** Characters of a query that redirects can carry: API Gateway takes 10,240 bytes of request line and headers together. */
const longestQuery = 8192;

/**
 * The parameters as the one canonical query that redirects and pages carry on.
 * @throws {Refusal} invalid_request with status 413 where a browser could not come back with it
 */
export function carryOn(parameters: Parameters): string {
  const query = parameters.toString();
  if (query.length <= longestQuery) return query;
  throw new Refusal('invalid_request', `The request is too long: its parameters may take ${longestQuery} characters.`, {
    status: 413,
    detail: `${query.length} characters`,
  });
}

/** Digest of the browser's session cookie, null where it has none. */
export function readSessionHash(request: HttpRequest, issuer: string): Uint8Array | null {
  const cookie = request.cookie(cookieName('session', issuer));
  return cookie && /^[A-Za-z0-9_-]{43}$/.test(cookie) ? digest(cookie) : null;
}

/**
 * Looks up and checks the authorization request that a query carries.
 * @throws {Refusal} for the page, where no destination can be proven
 */
export async function readVisit(db: Database, config: Config, request: HttpRequest, text: string): Promise<BrowserVisit> {
  const parameters = parseParameters(text);
  const clientId = readClientId(parameters);
  request.note('client_id', clientId);
  const visit = await findVisit(db, clientId, readSessionHash(request, config.issuer), new Date());
  if (visit.session) request.note('subject', visit.session.subject);
  const query = carryOn(parameters);
  const verdict = checkAuthorizationRequest(parameters, visit.client, [config.issuer, ...config.resources]);
  return { ...visit, parameters, query, request_hash: hashRequest(query), verdict };
}

/** Sends an error back to the client by redirect, and a line to the operator. */
export function answerRefusal(request: HttpRequest, refusal: RedirectRefusal, issuer: string): HttpResponse {
  request.note('detail', refusal.detail ?? `redirected ${refusal.error}: ${refusal.description}`);
  return answerRedirect(refusalLocation(refusal, issuer));
}

/** A page of this server with a request to carry on. */
export function locate(issuer: string, path: string, query: string): string {
  return query === '' ? issuer + path : `${issuer}${path}?${query}`;
}
