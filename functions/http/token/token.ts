/** Serves the token endpoint: authenticates the client and hands over to its grant type's own file (OAuth 2.1 §3.2). */
import { readCredentials } from '../../../lib/flows/guarded-authentication.ts';
import { type HttpRequest, readForm } from '../../../lib/http/request.ts';
import { answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import { refuseRepeated, requireParameter } from '../../../lib/protocol/parameters.ts';
import { exchangeCode } from './authorization-code.ts';
import { issueClientToken } from './client-credentials.ts';
import type { TokenParts, TokenRequest } from './parts.ts';
import { refresh } from './refresh-token.ts';

export async function token(parts: TokenParts, http: HttpRequest): Promise<HttpResponse> {
  const form = readForm(http);
  refuseRepeated(form);
  const grantType = requireParameter(form, 'grant_type');
  http.note('grant_type', grantType.slice(0, 64));
  const request: TokenRequest = { http, form, credentials: readCredentials(http, form) };
  return answerJson(await serve(parts, request, grantType));
}

function serve(parts: TokenParts, request: TokenRequest, grantType: string): Promise<Record<string, unknown>> {
  switch (grantType) {
    case 'authorization_code':
      return exchangeCode(parts, request);
    case 'refresh_token':
      return refresh(parts, request);
    case 'client_credentials':
      return issueClientToken(parts, request);
    default:
      // RFC 9700 §2.4: the password grant among them.
      throw new Refusal(
        'unsupported_grant_type',
        'The grant_type is not one of authorization_code, refresh_token, client_credentials.',
      );
  }
}
