/** Refreshes: rotates the refresh token, repeats a lost answer, or ends the family of a reused one (OAuth 2.1 §4.3). */
import { randomBytes } from 'node:crypto';
import { authenticate } from '../../../lib/flows/guarded-authentication.ts';
import type { Client } from '../../../lib/protocol/client.ts';
import { digest } from '../../../lib/protocol/digest.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import { requireParameter } from '../../../lib/protocol/parameters.ts';
import {
  formatRefreshToken,
  judgeRefreshToken,
  readFamilyId,
  sealSuccessor,
  type TokenFamily,
} from '../../../lib/protocol/refresh-token.ts';
import { chooseAudience, decideResources } from '../../../lib/protocol/resource.ts';
import { decideRefreshedScope, splitScope } from '../../../lib/protocol/scope.ts';
import type { IssuedAccessToken } from '../../../lib/store/access-tokens.ts';
import {
  type FamilyUse,
  findClientAndFamily,
  insertRetriedToken,
  revokeFamily,
  rotateRefreshToken,
} from '../../../lib/store/token-families.ts';
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

/** Names no family: stands in where the presented text is no refresh token, so that the client is still authenticated first. */
const noFamily = '00000000-0000-0000-0000-000000000000';

export async function refresh(parts: TokenParts, request: TokenRequest): Promise<Record<string, unknown>> {
  const { db, signer } = parts;
  const presented = requireParameter(request.form, 'refresh_token');
  const familyId = readFamilyId(presented) ?? noFamily;
  const [use] = await Promise.all([
    findClientAndFamily(db, request.credentials.client_id, familyId, new Date()),
    signer.prepare(),
  ]);
  const client = await authenticate(db, request.http, use.client, request.credentials);
  requireGrantType(client, 'refresh_token');
  const answer = await redeem(parts, request, client, use, presented);
  // A parallel request rotated first: what was a rotation is a retry now, and is judged anew.
  return (
    answer ??
    (await redeem(parts, request, client, await findClientAndFamily(db, client.client_id, familyId, new Date()), presented)) ??
    refuse('lost two races')
  );
}

/** @returns undefined where the family changed between looking and writing, or the key was withdrawn */
async function redeem(
  parts: TokenParts,
  { http, form }: TokenRequest,
  client: Client,
  use: FamilyUse,
  presented: string,
): Promise<Record<string, unknown> | undefined> {
  const { config, db } = parts;
  const now = new Date();
  const verdict = judgeRefreshToken(presented, use.family, use.active, client.client_id, config.refresh_grace_seconds, now);
  switch (verdict.kind) {
    case 'refused':
      return refuse(verdict.detail);
    case 'reused':
      await revokeFamily(db, verdict.family.family_id, 'refresh token reused', now);
      count('oauth_refresh_token_reused_total');
      count('oauth_token_revoked_total');
      return refuse(`refresh token was reused: family ${verdict.family.family_id} is revoked`);
    case 'rotate':
    case 'retry': {
      const { family } = verdict;
      http.note('subject', family.subject);
      const scope = decideRefreshedScope(form.get('scope'), family.scope);
      if ('refused' in scope) throw new Refusal('invalid_scope', scope.refused);
      const resources = decideResources(form.all('resource'), family.resources);
      if ('refused' in resources) throw new Refusal('invalid_target', resources.refused);
      const audience = chooseAudience(resources.granted.length > 0 ? resources.granted : family.resources, config.issuer);
      const token = await planAccessToken(parts, now);
      const successor = verdict.kind === 'retry' ? verdict.successor : formatRefreshToken(family.family_id, randomBytes(32));
      const write =
        verdict.kind === 'retry'
          ? insertRetriedToken(db, family.family_id, digest(presented), token)
          : rotate(parts, family, presented, successor, token, now);
      const [signed, written] = await Promise.all([sign(parts, client, use, family, scope.granted, audience, token, now), write]);
      if (!written) {
        await leaveWithdrawnKey(parts, token);
        return undefined;
      }
      count('oauth_token_issued_total');
      return {
        ...signed,
        token_type: 'Bearer',
        expires_in: config.access_token_seconds,
        scope: scope.granted.join(' '),
        refresh_token: successor,
      };
    }
    default:
      return verdict satisfies never;
  }
}

function rotate(
  { config, db }: TokenParts,
  family: TokenFamily,
  presented: string,
  successor: string,
  token: IssuedAccessToken,
  now: Date,
) {
  const rotation = {
    presented_hash: digest(presented),
    successor_hash: digest(successor),
    successor_sealed: sealSuccessor(successor, presented),
    successor_expires_at: new Date(now.getTime() + config.refresh_idle_seconds * 1000),
    rotated_at: now,
  };
  return rotateRefreshToken(db, family.family_id, rotation, token);
}

async function sign(
  parts: TokenParts,
  client: Client,
  use: FamilyUse,
  family: TokenFamily,
  scope: readonly string[],
  audience: readonly string[],
  token: IssuedAccessToken,
  now: Date,
): Promise<Record<string, string>> {
  const { authenticated_at, subject } = family;
  const accessToken = await signAccessToken(parts, token, { client, subject, scope, audience, authenticated_at });
  // OpenID Connect Core §12.2: an ID token of a refresh has no nonce and keeps auth_time.
  const openid = scope.includes('openid') && splitScope(family.scope).includes('openid') && use.user;
  const idToken = openid ? await signIdToken(parts, client, { ...family, nonce: null }, openid, accessToken, now) : undefined;
  return { access_token: accessToken, ...(idToken !== undefined && { id_token: idToken }) };
}

/** One description for every reason: who holds a stolen token learns nothing from it. */
function refuse(detail: string): never {
  throw new Refusal('invalid_grant', 'The refresh token is not valid.', { detail });
}
