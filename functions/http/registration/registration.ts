/** Serves the management of a registered client by its registration access token (RFC 7592). */
import type { Config } from '../../../lib/config.ts';
import { type HttpRequest, readBearerHeader, readJsonObject } from '../../../lib/http/request.ts';
import { answerEmpty, answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import type { Client } from '../../../lib/protocol/client.ts';
import { describeClient } from '../../../lib/protocol/client-information.ts';
import { checkClientMetadata } from '../../../lib/protocol/client-metadata.ts';
import { digest, matchesDigest } from '../../../lib/protocol/digest.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import { deleteClient, findManagedClient, replaceClientMetadata } from '../../../lib/store/clients.ts';
import type { Database } from '../../../lib/store/database.ts';

export interface RegistrationParts {
  readonly config: Config;
  readonly db: Database;
}

/** Compared against where the client is gone, so that it takes as long. */
const nobody = digest('nobody manages this client');

/** @throws {Refusal} invalid_token, the same for a wrong token and a client that is gone (RFC 7592 §2.1) */
async function findOwn(db: Database, request: HttpRequest): Promise<{ client: Client; token: string }> {
  const token = readBearerHeader(request);
  if (token === undefined) {
    throw new Refusal('invalid_token', 'There is no registration access token.', {
      silent: true,
      challenge: 'Bearer realm="oauth2"',
    });
  }
  const clientId = request.path_parameters.client_id ?? '';
  const client = clientId.includes('\0') ? undefined : await findManagedClient(db, clientId);
  const matches = matchesDigest(token, client?.registration_access_token_hash ?? nobody);
  if (client && matches) return { client, token };
  throw new Refusal('invalid_token', 'The registration access token is not valid.', {
    detail: client ? 'wrong registration access token' : 'client is gone, disabled or not dynamic',
    challenge: 'Bearer realm="oauth2", error="invalid_token"',
  });
}

/** @throws {Refusal} invalid_client_metadata where the request is not about this client (RFC 7592 §2.2) */
function checkIdentity(members: Readonly<Record<string, unknown>>, client: Client): void {
  const refuse = (description: string) => new Refusal('invalid_client_metadata', description);
  if (members.client_id !== client.client_id) throw refuse('The client_id must be the one of the client.');
  const issued = ['registration_access_token', 'registration_client_uri', 'client_secret_expires_at', 'client_id_issued_at'];
  const forbidden = issued.find((name) => name in members);
  if (forbidden !== undefined) throw refuse(`The member ${forbidden} is not the client's to set.`);
  if (members.client_secret === undefined) return;
  const stored = client.client_secret_hash ?? nobody;
  if (typeof members.client_secret !== 'string' || !matchesDigest(members.client_secret, stored)) {
    throw refuse('The client_secret is not the current one.');
  }
}

export async function registration({ config, db }: RegistrationParts, request: HttpRequest): Promise<HttpResponse> {
  const { client, token } = await findOwn(db, request);
  request.note('client_id', client.client_id);
  const now = new Date();
  if (request.method === 'DELETE') {
    await deleteClient(db, client.client_id, now);
    return answerEmpty(204);
  }
  if (request.method !== 'PUT') return answerJson(describeClient(client, config.issuer, { registration_access_token: token }));

  const members = readJsonObject(request);
  checkIdentity(members, client);
  const verdict = checkClientMetadata(members, {
    dynamic: true,
    allowed_scope: config.registration_scope,
    default_scope: config.registration_scope,
    require_pkce: config.registration_require_pkce,
  });
  if ('error' in verdict) throw new Refusal(verdict.error, verdict.description);
  if (verdict.client.token_endpoint_auth_method !== client.token_endpoint_auth_method) {
    throw new Refusal('invalid_client_metadata', 'The token_endpoint_auth_method cannot change: register a new client.');
  }
  const changed: Client = { ...client, ...verdict.client, updated_at: now };
  await replaceClientMetadata(db, changed, now);
  return answerJson(describeClient(changed, config.issuer, { registration_access_token: token }));
}
