/** Serves the authorization endpoint: checks the request, asks for what is missing, issues the code (OAuth 2.1 §4.1). */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Config } from '../../../lib/config.ts';
import { answerRefusal, carryOn, locate, readVisit } from '../../../lib/flows/visit.ts';
import { type HttpRequest, readForm } from '../../../lib/http/request.ts';
import { answerRedirect, type HttpResponse } from '../../../lib/http/response.ts';
import type { AuthorizationCode } from '../../../lib/protocol/authorization-code.ts';
import type { ValidAuthorizationRequest } from '../../../lib/protocol/authorization-request.ts';
import { successLocation } from '../../../lib/protocol/authorization-response.ts';
import { digest } from '../../../lib/protocol/digest.ts';
import type { RedirectRefusal } from '../../../lib/protocol/errors.ts';
import { decideInteraction } from '../../../lib/protocol/interaction.ts';
import type { Session } from '../../../lib/protocol/session.ts';
import { type FindKey, verifyIdTokenHint } from '../../../lib/protocol/token-verification.ts';
import { insertAuthorizationCode } from '../../../lib/store/authorization-codes.ts';
import type { Database } from '../../../lib/store/database.ts';
import { count } from '../../../lib/telemetry.ts';

export interface AuthorizeParts {
  readonly config: Config;
  readonly db: Database;
  readonly findKey: FindKey;
}

export async function authorize({ config, db, findKey }: AuthorizeParts, request: HttpRequest): Promise<HttpResponse> {
  const { issuer } = config;
  // OpenID Connect Core §3.1.2.1: a POST is as good; as a GET it carries the browser's Lax cookies.
  if (request.method === 'POST') return answerRedirect(locate(issuer, '/oauth/authorize', carryOn(readForm(request))));

  const visit = await readVisit(db, config, request, request.query);
  // RFC 9700 §4.11.2: a client that nobody vouches for gets no redirect out of us before somebody signed in.
  const refuse = (refusal: RedirectRefusal, silent: boolean) =>
    visit.client?.dynamic && !visit.session && !silent
      ? answerRedirect(locate(issuer, '/login', visit.query))
      : answerRefusal(request, refusal, issuer);
  if (visit.verdict.kind === 'refused') return refuse(visit.verdict.refusal, visit.verdict.silent);

  const valid = visit.verdict.request;
  const silent = valid.prompt.has('none');
  const verified = valid.id_token_hint === undefined ? undefined : await verifyIdTokenHint(valid.id_token_hint, findKey, issuer);
  // Who is meant has to be known: a code for somebody else is worse than none.
  const hint = verified === 'unknown key' ? undefined : verified;
  if (valid.id_token_hint !== undefined && !hint) {
    const description = 'The id_token_hint is not an ID token of this server.';
    return refuse({ destination: valid.destination, error: 'invalid_request', description }, silent);
  }
  const next = decideInteraction({
    request: valid,
    request_hash: visit.request_hash,
    session: visit.session,
    grant: visit.grant,
    hinted_subject: hint?.sub,
    now: new Date(),
  });
  switch (next.next) {
    case 'sign-in':
      return answerRedirect(locate(issuer, '/login', visit.query));
    case 'consent':
      return answerRedirect(locate(issuer, '/consent', visit.query));
    case 'refuse':
      return refuse({ destination: valid.destination, error: next.error, description: next.description }, silent);
    case 'issue':
      return answerRedirect(
        successLocation(valid.destination, issuer, await issueCode(db, config, valid, next.session, visit.request_hash)),
      );
    default:
      return next satisfies never;
  }
}

async function issueCode(
  db: Database,
  config: Config,
  valid: ValidAuthorizationRequest,
  session: Session,
  requestHash: Uint8Array,
) {
  const code = randomBytes(32).toString('base64url');
  const now = new Date();
  const issued: AuthorizationCode = {
    code_hash: digest(code),
    client_id: valid.client.client_id,
    subject: session.subject,
    session_id: session.session_id,
    family_id: randomUUID(),
    redirect_uri: valid.destination.redirect_uri,
    redirect_uri_given: valid.destination.given,
    scope: valid.scope.join(' '),
    resources: valid.resources,
    nonce: valid.nonce ?? null,
    code_challenge: valid.code_challenge ?? null,
    authenticated_at: session.authenticated_at,
    amr: session.amr,
    claims: valid.claims ?? null,
    issued_at: now,
    expires_at: new Date(now.getTime() + config.code_seconds * 1000),
    redeemed_at: null,
  };
  await insertAuthorizationCode(db, issued, requestHash);
  count('oauth_authorization_codes_issued');
  return code;
}
