/** Exchanges an authorization code for tokens, once (OAuth 2.1 §4.1.3, OpenID Connect Core §3.1.3). */
import { randomBytes } from 'node:crypto';
import { authenticate } from '../../../lib/flows/guarded-authentication.ts';
import { type CodeVerdict, judgeCode } from '../../../lib/protocol/authorization-code.ts';
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
  const look = () => findClientAndCode(db, credentials.client_id, digest(presented));
  const [found] = await Promise.all([look(), signer.prepare()]);
  const client = await authenticate(db, http, found.client, credentials);
  requireGrantType(client, 'authorization_code');

  const now = new Date();
  const verdict = judgeCode(found.code, found.ended, client, form, now);
  if (verdict.kind !== 'redeem') return refuse(parts, verdict, now);

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
  if (!redeemed) {
    // Another request was faster, and this one is a replay; or the end-user signed out meanwhile, which is nobody's attack.
    const late = await look();
    const why = judgeCode(late.code, late.ended, client, form, now);
    return refuse(parts, why.kind === 'redeem' ? lost : why, now);
  }
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

/** A code that is as it was, and still could not be redeemed. */
const lost = { kind: 'refused', error: 'invalid_grant', description: 'The code is not valid.', detail: 'lost a race' } as const;

async function refuse({ db }: TokenParts, verdict: Exclude<CodeVerdict, { kind: 'redeem' }>, now: Date): Promise<never> {
  switch (verdict.kind) {
    case 'refused': {
      const { error, description, detail } = verdict;
      throw new Refusal(error, description, detail === undefined ? {} : { detail });
    }
    case 'replayed': {
      // Everything that the first exchange got is revoked (OAuth 2.1 §4.1.3).
      await revokeFamily(db, verdict.family_id, 'authorization code replayed', now);
      count('oauth_token_revoked_total');
      const detail = `code was replayed: family ${verdict.family_id} is revoked`;
      throw new Refusal('invalid_grant', 'The code is not valid.', { detail });
    }
    default:
      return verdict satisfies never;
  }
}
