/** Serves revocation: a refresh token ends its whole family, an access token itself alone (RFC 7009). */
import type { Config } from '../../../lib/config.ts';
import { authenticate, readCredentials } from '../../../lib/flows/guarded-authentication.ts';
import { type HttpRequest, readForm } from '../../../lib/http/request.ts';
import { answerEmpty, type HttpResponse } from '../../../lib/http/response.ts';
import { refuseRepeated, requireParameter } from '../../../lib/protocol/parameters.ts';
import { readFamilyId } from '../../../lib/protocol/refresh-token.ts';
import { expiryOf, type FindKey, verifyAccessToken } from '../../../lib/protocol/token-verification.ts';
import { revokeAccessToken } from '../../../lib/store/access-tokens.ts';
import { findClient } from '../../../lib/store/clients.ts';
import type { Database } from '../../../lib/store/database.ts';
import { findClientAndFamily, revokeFamily } from '../../../lib/store/token-families.ts';
import { count } from '../../../lib/telemetry.ts';

export interface RevokeParts {
  readonly config: Config;
  readonly db: Database;
  readonly findKey: FindKey;
}

export async function revoke({ config, db, findKey }: RevokeParts, request: HttpRequest): Promise<HttpResponse> {
  const form = readForm(request);
  refuseRepeated(form);
  const credentials = readCredentials(request, form);
  const now = new Date();
  const token = form.get('token') ?? '';
  const familyId = readFamilyId(token);
  if (familyId !== undefined) {
    const use = await findClientAndFamily(db, credentials.client_id, familyId, now);
    const client = await authenticate(db, request, use.client, credentials);
    // A former token of the family was held as rightfully as the current one. Another client's is left alone, and nobody is told (RFC 7009 §2.1).
    if (use.family?.client_id === client.client_id && !use.family.revoked_at) {
      await revokeFamily(db, familyId, 'revoked by the client', now);
      count('oauth_token_revoked_total');
    }
    return answerEmpty(200);
  }
  const client = await authenticate(db, request, await findClient(db, credentials.client_id), credentials);
  requireParameter(form, 'token');
  const claims = await verifyAccessToken(token, findKey, config.issuer);
  // RFC 7009 §2.2: an unknown token is as revoked as it can be.
  if (claims && (await revokeAccessToken(db, client.client_id, { jti: claims.jti, expires_at: expiryOf(claims) }, now))) {
    count('oauth_token_revoked_total');
  }
  return answerEmpty(200);
}
