/** Serves the consent page: shows who asks for what, and records what the end-user decides. */
import type { Config } from '../../../lib/config.ts';
import { checkFormToken, issueFormToken } from '../../../lib/flows/anti-csrf.ts';
import { answerRefusal, locate, readVisit } from '../../../lib/flows/visit.ts';
import { renderConsent } from '../../../lib/http/pages/consent.ts';
import { contentSecurityPolicy } from '../../../lib/http/pages/layout.ts';
import { type HttpRequest, readForm } from '../../../lib/http/request.ts';
import { answerPage, answerRedirect, type HttpResponse } from '../../../lib/http/response.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import { refuseRepeated } from '../../../lib/protocol/parameters.ts';
import type { Database } from '../../../lib/store/database.ts';
import { recordConsent } from '../../../lib/store/sessions.ts';

export interface ConsentParts {
  readonly config: Config;
  readonly db: Database;
}

/** The host, or an app's own scheme, that the browser goes to next. */
function redirectHost(uri: string): string {
  const url = new URL(uri);
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.host : url.protocol;
}

export async function consent({ config, db }: ConsentParts, request: HttpRequest): Promise<HttpResponse> {
  const { issuer, theme } = config;
  const visit = await readVisit(db, config, request, request.query);
  const back = answerRedirect(locate(issuer, '/oauth/authorize', visit.query));
  // Whatever is wrong or missing, the authorization endpoint knows what to do about it.
  if (visit.verdict.kind === 'refused' || !visit.session || !visit.client) return back;
  const { destination, scope, resources } = visit.verdict.request;
  // The form is bound to the session too: one that was shown to another end-user is void.
  const bound = `${visit.session.session_id} ${visit.query}`;

  if (request.method !== 'POST') {
    const { token, cookies } = issueFormToken(request, issuer, 'consent', bound);
    const html = renderConsent(theme, {
      action: locate(issuer, '/consent', visit.query),
      csrf_token: token,
      client: {
        client_id: visit.client.client_id,
        client_name: visit.client.client_name,
        dynamic: visit.client.dynamic,
        client_uri: visit.client.metadata.client_uri,
        policy_uri: visit.client.metadata.policy_uri,
        tos_uri: visit.client.metadata.tos_uri,
      },
      username: visit.session.username,
      scope: [...scope],
      resources: [...resources],
      redirect_host: redirectHost(destination.redirect_uri),
    });
    return answerPage(html, contentSecurityPolicy(theme), 200, cookies);
  }

  const form = readForm(request);
  refuseRepeated(form);
  checkFormToken(request, issuer, 'consent', bound, form.get('csrf_token'));
  switch (form.get('decision')) {
    case 'allow':
      await recordConsent(db, {
        session: visit.session,
        client_id: visit.client.client_id,
        scope,
        resources,
        request_hash: visit.request_hash,
        now: new Date(),
      });
      return back;
    case 'deny':
      return answerRefusal(
        request,
        { destination, error: 'access_denied', description: 'The end-user denied the request.' },
        issuer,
      );
    default:
      throw new Refusal('invalid_request', 'The decision must be allow or deny.');
  }
}
