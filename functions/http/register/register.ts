/** Serves dynamic client registration (RFC 7591): open, with an initial access token, or off. */
import { randomBytes } from 'node:crypto';
import type { Config } from '../../../lib/config.ts';
import { subscriberOf } from '../../../lib/flows/subscriber.ts';
import { type HttpRequest, readBearerHeader, readJsonObject } from '../../../lib/http/request.ts';
import { answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import type { Client } from '../../../lib/protocol/client.ts';
import { describeClient } from '../../../lib/protocol/client-information.ts';
import { checkClientMetadata } from '../../../lib/protocol/client-metadata.ts';
import { digest, matchesDigest } from '../../../lib/protocol/digest.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import { insertClient } from '../../../lib/store/clients.ts';
import type { Database } from '../../../lib/store/database.ts';
import { countAttempt } from '../../../lib/store/throttles.ts';

export interface RegisterParts {
  readonly config: Config;
  readonly db: Database;
}

/** Registrations of one subscriber within the window. */
const allowedRegistrations = 30;
const windowSeconds = 3600;

/** @throws {Refusal} where this server, or this caller, does not register clients */
function checkPermission({ config }: RegisterParts, request: HttpRequest): void {
  if (config.registration === 'off')
    throw new Refusal('access_denied', 'Client registration is off: ask the operator for a client.');
  if (config.registration === 'open') return;
  const token = readBearerHeader(request);
  if (token === undefined) {
    throw new Refusal('invalid_token', 'Registration needs an initial access token.', { challenge: 'Bearer realm="oauth2"' });
  }
  if (matchesDigest(token, Buffer.from(config.registration_token_sha256, 'hex'))) return;
  throw new Refusal('invalid_token', 'The initial access token is not valid.', {
    challenge: 'Bearer realm="oauth2", error="invalid_token"',
  });
}

export async function register(parts: RegisterParts, request: HttpRequest): Promise<HttpResponse> {
  const { config, db } = parts;
  checkPermission(parts, request);
  const verdict = checkClientMetadata(readJsonObject(request), {
    dynamic: true,
    allowed_scope: config.registration_scope,
    default_scope: config.registration_scope,
    require_pkce: config.registration_require_pkce,
  });
  if ('error' in verdict) throw new Refusal(verdict.error, verdict.description);

  const now = new Date();
  const [attempt] = await countAttempt(db, [digest(`registration at ${subscriberOf(request.source_ip)}`)], windowSeconds, now);
  if (attempt && attempt.failures > allowedRegistrations) {
    throw new Refusal('access_denied', 'Too many registrations from this address. Try again later.', {
      status: 429,
      retry_after: attempt.resets_in,
    });
  }

  const secret = verdict.client.token_endpoint_auth_method === 'none' ? undefined : randomBytes(32).toString('base64url');
  const managementToken = randomBytes(32).toString('base64url');
  const client: Client = {
    ...verdict.client,
    client_id: randomBytes(16).toString('hex'),
    client_secret_hash: secret === undefined ? null : digest(secret),
    created_at: now,
    updated_at: now,
    disabled_at: null,
  };
  await insertClient(db, client, digest(managementToken));
  request.note('client_id', client.client_id);
  const secrets = { ...(secret !== undefined && { client_secret: secret }), registration_access_token: managementToken };
  return answerJson(describeClient(client, config.issuer, secrets), 201);
}
