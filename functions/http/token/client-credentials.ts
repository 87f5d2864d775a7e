/** Issues a client's own token: one statement where the client is known to the sandbox (OAuth 2.1 §4.2). */
import { authenticate } from '../../../lib/flows/guarded-authentication.ts';
import { type Client, isPublic } from '../../../lib/protocol/client.ts';
import { authenticateClient, refuseClient } from '../../../lib/protocol/client-authentication.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import { chooseAudience, decideResources } from '../../../lib/protocol/resource.ts';
import { decideClientScope } from '../../../lib/protocol/scope.ts';
import { insertClientToken } from '../../../lib/store/access-tokens.ts';
import { findClient } from '../../../lib/store/clients.ts';
import { count } from '../../../lib/telemetry.ts';
import {
  leaveWithdrawnKey,
  planAccessToken,
  requireGrantType,
  signAccessToken,
  type TokenParts,
  type TokenRequest,
} from './parts.ts';

/** Clients that this sandbox has seen. A stale one cannot get a token: the statement that records it checks the version. */
const known = new Map<string, Client>();
const mostKnown = 500;

export async function issueClientToken(parts: TokenParts, request: TokenRequest): Promise<Record<string, unknown>> {
  const { db, signer } = parts;
  const { http, credentials } = request;
  const remembered = known.get(credentials.client_id);
  if (remembered) {
    // The client may have changed since: only what the store says now is a reason to refuse.
    const answer = await issueTo(parts, request, () => authenticateClient(remembered, credentials)).catch(passRefusal);
    if (answer) return answer;
    known.delete(credentials.client_id);
  }
  const [found] = await Promise.all([findClient(db, credentials.client_id), signer.prepare()]);
  const client = await authenticate(db, http, found, credentials);
  const answer = await issueTo(parts, request, () => client);
  if (!answer) {
    throw refuseClient(`client ${client.client_id} changed meanwhile`);
  }
  if (known.size >= mostKnown) known.clear();
  known.set(client.client_id, client);
  return answer;
}

function passRefusal(cause: unknown): undefined {
  if (!(cause instanceof Refusal)) throw cause;
}

/** @returns undefined where the client in the store is no longer this one */
async function issueTo(
  parts: TokenParts,
  request: TokenRequest,
  check: () => Client,
): Promise<Record<string, unknown> | undefined> {
  const { config, db } = parts;
  const { form } = request;
  const client = check();
  requireGrantType(client, 'client_credentials');
  // OAuth 2.1 §4.2: confidential clients alone.
  if (isPublic(client)) throw new Refusal('unauthorized_client', 'A public client has no credentials of its own.');
  const scope = decideClientScope(form.get('scope'), client.scope);
  if ('refused' in scope) throw new Refusal('invalid_scope', scope.refused);
  const resources = decideResources(form.all('resource'), [config.issuer, ...client.resources, ...config.resources]);
  if ('refused' in resources) throw new Refusal('invalid_target', resources.refused);

  const token = await planAccessToken(parts, new Date());
  const content = {
    client,
    subject: client.client_id,
    scope: scope.granted,
    audience: chooseAudience(resources.granted, config.issuer),
  };
  const [accessToken, recorded] = await Promise.all([
    signAccessToken(parts, token, content),
    insertClientToken(db, client, token),
  ]);
  if (!recorded) return (await leaveWithdrawnKey(parts, token)) ? issueTo(parts, request, check) : undefined;
  count('oauth_token_issued_total');
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: config.access_token_seconds,
    // RFC 6749 §3.3: a scope is never the empty text.
    ...(scope.granted.length > 0 && { scope: scope.granted.join(' ') }),
  };
}
