/** Serves introspection: one statement finds the caller and the token's state together (RFC 7662). */
import type { Config } from '../../../lib/config.ts';
import { authenticate, readCredentials } from '../../../lib/flows/guarded-authentication.ts';
import { type HttpRequest, readForm } from '../../../lib/http/request.ts';
import { answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import { refusePublic } from '../../../lib/protocol/client-authentication.ts';
import { digest, equalDigests } from '../../../lib/protocol/digest.ts';
import { describeAccessToken, describeRefreshToken, type Introspection, inactive } from '../../../lib/protocol/introspection.ts';
import { type Parameters, refuseRepeated, requireParameter } from '../../../lib/protocol/parameters.ts';
import { readFamilyId } from '../../../lib/protocol/refresh-token.ts';
import { expiryOf, type FindKey, keyIdOf, verifyAccessToken } from '../../../lib/protocol/token-verification.ts';
import { findCallerAndAccessToken } from '../../../lib/store/access-tokens.ts';
import { findClient } from '../../../lib/store/clients.ts';
import type { Database } from '../../../lib/store/database.ts';
import { findClientAndFamily } from '../../../lib/store/token-families.ts';

export interface IntrospectParts {
  readonly config: Config;
  readonly db: Database;
  readonly findKey: FindKey;
}

export async function introspect(parts: IntrospectParts, request: HttpRequest): Promise<HttpResponse> {
  const form = readForm(request);
  refuseRepeated(form);
  return answerJson(await describe(parts, request, form));
}

async function describe(
  { config, db, findKey }: IntrospectParts,
  request: HttpRequest,
  form: Parameters,
): Promise<Introspection> {
  const credentials = readCredentials(request, form);
  const now = new Date();
  const token = form.get('token') ?? '';
  // The token's own form tells its type: a wrong token_type_hint cannot mislead (RFC 7662 §2.1).
  const familyId = readFamilyId(token);
  if (familyId !== undefined) {
    const use = await findClientAndFamily(db, credentials.client_id, familyId, now);
    const caller = refusePublic(await authenticate(db, request, use.client, credentials));
    const { family, user, active } = use;
    const current = family?.refresh_hash && equalDigests(digest(token), family.refresh_hash);
    const alive = family && current && !family.revoked_at && family.expires_at > now && (family.refresh_expires_at ?? now) > now;
    return alive && active && user ? describeRefreshToken(family, user.username, config.issuer, caller) : inactive;
  }
  const claims = await verifyAccessToken(token, findKey, config.issuer);
  if (!claims) {
    refusePublic(await authenticate(db, request, await findClient(db, credentials.client_id), credentials));
    requireParameter(form, 'token');
    return inactive;
  }
  const { caller: found, state } = await findCallerAndAccessToken(db, credentials.client_id, {
    jti: claims.jti,
    expires_at: expiryOf(claims),
    kid: keyIdOf(token),
  });
  const caller = refusePublic(await authenticate(db, request, found, credentials));
  return describeAccessToken(claims, state.active, state.username, caller, now);
}
