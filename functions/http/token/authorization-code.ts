/** Exchanges an authorization code for tokens, once (OAuth 2.1 §4.1.3, OpenID Connect Core §3.1.3). */
import { randomBytes } from 'node:crypto';
import { authenticate } from '../../../lib/flows/guarded-authentication.ts';
import { judgeCode } from '../../../lib/protocol/authorization-code.ts';
import { digest } from '../../../lib/protocol/digest.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import { requireParameter } from '../../../lib/protocol/parameters.ts';
import { formatRefreshToken } from '../../../lib/protocol/refresh-token.ts';
import { chooseAudience } from '../../../lib/protocol/resource.ts';
import { splitScope } from '../../../lib/protocol/scope.ts';
import { findClientAndCode, redeemCode } from '../../../lib/store/authorization-codes.ts';
import { revokeFamily } from '../../../lib/store/token-families.ts';
import { count } from '../../../lib/telemetry.ts';
import {
  leaveWithdrawnKey,
  planAccessToken,
  requireGrantType,
  signAccessToken,
  signIdToken,
  type TokenParts,
  type TokenRequest,
} from './parts.ts';

export async function exchangeCode(parts: TokenParts, request: TokenRequest): Promise<Record<string, unknown>> {
  const { http, form, credentials } = request;
  const { config, db, signer } = parts;
  const presented = requireParameter(form, 'code');
  // Nothing is redeemed while the keys are away: the code stays good for a retry.
  const [found] = await Promise.all([findClientAndCode(db, credentials.client_id, digest(presented)), signer.prepare()]);
  const client = await authenticate(db, http, found.client, credentials);
  requireGrantType(client, 'authorization_code');

  const now = new Date();
  const verdict = judgeCode(found.code, found.active, client, form, now);
  if (verdict.kind === 'refused') throw new Refusal(verdict.error, verdict.description, detailOf(verdict));
  if (verdict.kind === 'replayed') return refuseReplay(parts, verdict.family_id, now);

  const { code } = verdict;
  const user = found.user;
  if (!user) throw new Refusal('invalid_grant', 'The code is not valid.', { detail: 'account is gone' });
  http.note('subject', code.subject);
  const scope = splitScope(code.scope);
  const token = await planAccessToken(parts, now);
  const refreshToken = client.grant_types.includes('refresh_token')
    ? formatRefreshToken(code.family_id, randomBytes(32))
    : undefined;
  const familyEnds = new Date(now.getTime() + config.refresh_absolute_seconds * 1000);
  const family = {
    offline: scope.includes('offline_access'),
    expires_at: refreshToken === undefined ? token.expires_at : familyEnds,
    refresh_hash: refreshToken === undefined ? null : digest(refreshToken),
    refresh_expires_at: refreshToken === undefined ? null : new Date(now.getTime() + config.refresh_idle_seconds * 1000),
    resources: verdict.resources,
  };

  const sign = async () => {
    const { authenticated_at, subject } = code;
    const audience = chooseAudience(verdict.resources, config.issuer);
    const accessToken = await signAccessToken(parts, token, { client, subject, scope, audience, authenticated_at });
    const idToken = scope.includes('openid') ? await signIdToken(parts, client, code, user, accessToken, now) : undefined;
    return { accessToken, idToken };
  };
  const [{ accessToken, idToken }, redeemed] = await Promise.all([sign(), redeemCode(db, code, family, token)]);
  if (!redeemed && (await leaveWithdrawnKey(parts, token))) return exchangeCode(parts, request);
  // Another request was faster: this one is the replay.
  if (!redeemed) return refuseReplay(parts, code.family_id, now);
  count('oauth_token_issued_total');
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: config.access_token_seconds,
    scope: scope.join(' '),
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    ...(idToken !== undefined && { id_token: idToken }),
  };
}

/** Everything that the first exchange got is revoked (OAuth 2.1 §4.1.3). */
async function refuseReplay({ db }: TokenParts, familyId: string, now: Date): Promise<never> {
  await revokeFamily(db, familyId, 'authorization code replayed', now);
  count('oauth_token_revoked_total');
  throw new Refusal('invalid_grant', 'The code is not valid.', { detail: `code was replayed: family ${familyId} is revoked` });
}

function detailOf({ detail }: { readonly detail?: string }) {
  return detail === undefined ? {} : { detail };
}
