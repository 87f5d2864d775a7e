/** Serves userinfo: the claims that an access token's scope releases (OpenID Connect Core §5.3). */
import type { Config } from '../../../lib/config.ts';
import { missingToken, readBearerToken, refuseToken, requireScope } from '../../../lib/flows/bearer-token.ts';
import { type HttpRequest, readBearerHeader, readForm } from '../../../lib/http/request.ts';
import { answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import type { RequestedClaims } from '../../../lib/protocol/claims-parameter.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import type { FindKey } from '../../../lib/protocol/token-verification.ts';
import { describeUser } from '../../../lib/protocol/userinfo.ts';
import { findTokenUser } from '../../../lib/store/access-tokens.ts';
import type { Database } from '../../../lib/store/database.ts';

export interface UserinfoParts {
  readonly config: Config;
  readonly db: Database;
  readonly findKey: FindKey;
}

/** The token from the header or a form body, never the URL (OAuth 2.1 §5.1). */
function readAccessToken(request: HttpRequest): string {
  const fromHeader = readBearerHeader(request);
  const isForm = request.method === 'POST' && request.body !== '';
  const fromBody = isForm ? readForm(request).all('access_token') : [];
  // RFC 6750 §3.1
  if ([fromHeader, ...fromBody].filter((token) => token !== undefined).length > 1) {
    throw new Refusal('invalid_request', 'The access token is sent more than once: in the header, in the body, or in both.', {
      challenge: 'Bearer realm="oauth2", error="invalid_request"',
    });
  }
  const token = fromHeader ?? fromBody[0];
  if (token === undefined) throw missingToken();
  return token;
}

export async function userinfo({ config, db, findKey }: UserinfoParts, request: HttpRequest): Promise<HttpResponse> {
  const token = await readBearerToken({ config, findKey }, request, readAccessToken(request));
  const user = await findTokenUser(db, token);
  if (!user) throw refuseToken('revoked, signed by a withdrawn key, or without an end-user');
  request.note('subject', user.subject);
  requireScope(token, 'openid');
  return answerJson(describeUser(user, token.scope, user.requested_claims as RequestedClaims | null));
}
