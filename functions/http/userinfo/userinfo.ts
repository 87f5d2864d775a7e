/** Serves userinfo: the claims that an access token's scope releases (OpenID Connect Core §5.3). */
import type { Config } from '../../../lib/config.ts';
import { type HttpRequest, readBearerHeader, readForm } from '../../../lib/http/request.ts';
import { answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import type { RequestedClaims } from '../../../lib/protocol/claims-parameter.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import { splitScope } from '../../../lib/protocol/scope.ts';
import { expiryOf, type FindKey, keyIdOf, verifyAccessToken } from '../../../lib/protocol/token-verification.ts';
import { describeUser } from '../../../lib/protocol/userinfo.ts';
import { findTokenUser } from '../../../lib/store/access-tokens.ts';
import type { Database } from '../../../lib/store/database.ts';

export interface UserinfoParts {
  readonly config: Config;
  readonly db: Database;
  readonly findKey: FindKey;
}

/** RFC 6750 §3: the challenge names the error only where credentials were sent. */
function refuseToken(detail: string): Refusal {
  const description = 'The access token is not valid.';
  return new Refusal('invalid_token', description, {
    detail,
    challenge: `Bearer realm="oauth2", error="invalid_token", error_description="${description}"`,
  });
}

/** The token from the header or a form body, never the URL (OAuth 2.1 §5.1). */
function readAccessToken(request: HttpRequest): string {
  const fromHeader = readBearerHeader(request);
  const isForm = request.method === 'POST' && request.body !== '';
  const fromBody = isForm ? readForm(request).get('access_token') : undefined;
  if (fromHeader !== undefined && fromBody !== undefined) {
    throw new Refusal('invalid_request', 'The access token is sent in the header and in the body at once.', {
      challenge: 'Bearer realm="oauth2", error="invalid_request"',
    });
  }
  const token = fromHeader ?? fromBody;
  if (token === undefined) {
    throw new Refusal('invalid_token', 'There is no access token.', { silent: true, challenge: 'Bearer realm="oauth2"' });
  }
  return token;
}

export async function userinfo({ config, db, findKey }: UserinfoParts, request: HttpRequest): Promise<HttpResponse> {
  const token = readAccessToken(request);
  const claims = await verifyAccessToken(token, findKey, config.issuer);
  if (!claims) throw refuseToken('not a token of this server');
  request.note('client_id', claims.client_id);
  if (claims.exp * 1000 <= Date.now()) throw refuseToken('expired');
  const audience = typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
  // A token for a resource server is of no use here, where that server might replay it (RFC 9068 §4).
  if (!audience.includes(config.issuer)) throw refuseToken(`meant for ${audience.join(' ')}`);
  const user = await findTokenUser(db, { jti: claims.jti, expires_at: expiryOf(claims), kid: keyIdOf(token) });
  if (!user) throw refuseToken('revoked, signed by a withdrawn key, or without an end-user');
  request.note('subject', user.subject);
  const scope = splitScope(claims.scope ?? '');
  if (!scope.includes('openid')) {
    throw new Refusal('insufficient_scope', 'The access token lacks the scope openid.', {
      challenge: 'Bearer realm="oauth2", error="insufficient_scope", scope="openid"',
    });
  }
  return answerJson(describeUser(user, scope, user.requested_claims as RequestedClaims | null));
}
