/** Serves RP-initiated logout: ends the browser's session and goes back only where the client registered (OpenID Connect RP-Initiated Logout 1.0). */
import type { Config } from '../../../lib/config.ts';
import { checkFormToken, issueFormToken } from '../../../lib/flows/anti-csrf.ts';
import { carryOn, locate, readSessionHash } from '../../../lib/flows/visit.ts';
import { writeCookie } from '../../../lib/http/cookies.ts';
import { contentSecurityPolicy } from '../../../lib/http/pages/layout.ts';
import { renderLogout, renderSignedOut } from '../../../lib/http/pages/logout.ts';
import { type HttpRequest, readForm } from '../../../lib/http/request.ts';
import { answerPage, answerRedirect, type HttpResponse } from '../../../lib/http/response.ts';
import type { Client } from '../../../lib/protocol/client.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import { type Parameters, parseParameters, refuseRepeated } from '../../../lib/protocol/parameters.ts';
import type { Session } from '../../../lib/protocol/session.ts';
import { type FindKey, type IdTokenHint, verifyIdTokenHint } from '../../../lib/protocol/token-verification.ts';
import type { Database } from '../../../lib/store/database.ts';
import { endSession, findVisit } from '../../../lib/store/sessions.ts';
import { count } from '../../../lib/telemetry.ts';

export interface LogoutParts {
  readonly config: Config;
  readonly db: Database;
  readonly findKey: FindKey;
}

/** A checked logout request. */
interface LogoutRequest {
  readonly query: string;
  readonly client: Client | undefined;
  readonly session: Session | undefined;
  readonly hint: IdTokenHint | undefined;
  /** Where the browser goes afterwards, `state` included. */
  readonly continue_url: string | undefined;
}

async function readLogout(
  { config, db, findKey }: LogoutParts,
  request: HttpRequest,
  parameters: Parameters,
): Promise<LogoutRequest> {
  refuseRepeated(parameters);
  const hintText = parameters.get('id_token_hint');
  const verified = hintText === undefined ? undefined : await verifyIdTokenHint(hintText, findKey, config.issuer);
  if (hintText !== undefined && !verified)
    throw new Refusal('invalid_request', 'The id_token_hint is not an ID token of this server.');
  // A session may outlive the key of its ID token: without proof it is no hint, and the end-user is asked (RP-Initiated Logout §2, §4).
  const hint = verified === 'unknown key' ? undefined : verified;
  const clientId = parameters.get('client_id');
  if (hint && clientId !== undefined && hint.aud !== clientId) {
    throw new Refusal('invalid_request', 'The id_token_hint was issued to another client.');
  }
  const { client, session } = await findVisit(
    db,
    hint?.aud ?? clientId ?? '',
    readSessionHash(request, config.issuer),
    new Date(),
  );
  if (client) request.note('client_id', client.client_id);
  return {
    query: carryOn(parameters),
    client,
    session,
    hint,
    // Whose URI it is, only the hint would have said: it leads nowhere.
    continue_url: verified === 'unknown key' && clientId === undefined ? undefined : readContinueUrl(parameters, client),
  };
}

/** @throws {Refusal} where the URI is not one that the client registered (RP-Initiated Logout §3: never redirect then) */
function readContinueUrl(parameters: Parameters, client: Client | undefined): string | undefined {
  const uri = parameters.get('post_logout_redirect_uri');
  if (uri === undefined) return undefined;
  if (!client || client.disabled_at || !client.post_logout_redirect_uris.includes(uri)) {
    throw new Refusal('invalid_request', 'The post_logout_redirect_uri is not one that the client registered.');
  }
  const state = parameters.get('state');
  if (state === undefined) return uri;
  return `${uri}${uri.includes('?') ? '&' : '?'}state=${encodeURIComponent(state)}`;
}

export async function logout(parts: LogoutParts, request: HttpRequest): Promise<HttpResponse> {
  const { issuer, theme } = parts.config;
  if (request.method === 'POST') {
    const form = readForm(request);
    // A client may send its request by POST (§2): only our own form carries the anti-CSRF value.
    if (form.get('csrf_token') === undefined) return answerRedirect(locate(issuer, '/logout', carryOn(form)));
    const logoutRequest = await readLogout(parts, request, parseParameters(request.query));
    checkFormToken(request, issuer, 'logout', logoutRequest.query, form.get('csrf_token'));
    return finish(parts, request, logoutRequest, true);
  }
  const logoutRequest = await readLogout(parts, request, parseParameters(request.query));
  const { session, hint, client, query } = logoutRequest;
  // The client proved whom it signs out; anybody else's link has to be confirmed by the end-user.
  if (!session || (hint && hint.sub === session.subject)) {
    // RFC 9700 §4.11.2: a link in which a client that nobody vouches for names itself is no way out of here by itself.
    return finish(parts, request, logoutRequest, hint !== undefined || !client?.dynamic);
  }
  const { token, cookies } = issueFormToken(request, issuer, 'logout', query);
  const html = renderLogout(theme, {
    action: locate(issuer, '/logout', query),
    csrf_token: token,
    username: session.username,
    client_name: client?.client_name,
  });
  return answerPage(html, contentSecurityPolicy(theme), 200, cookies);
}

async function finish(
  { config, db }: LogoutParts,
  request: HttpRequest,
  { session, continue_url }: LogoutRequest,
  mayRedirect: boolean,
): Promise<HttpResponse> {
  const { issuer, theme } = config;
  if (session) {
    request.note('subject', session.subject);
    const ended = await endSession(db, session.session_hash, new Date());
    if (ended > 0) count('oauth_token_revoked_total', ended);
  }
  const cookies = [writeCookie('session', '', issuer, 0), writeCookie('csrf', '', issuer, 0)];
  if (continue_url !== undefined && mayRedirect) return answerRedirect(continue_url, cookies);
  return answerPage(renderSignedOut(theme, { continue_url }), contentSecurityPolicy(theme, { formAction: [] }), 200, cookies);
}
