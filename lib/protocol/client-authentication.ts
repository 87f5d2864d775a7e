/** Reads and checks how a client authenticates: client_secret_basic, client_secret_post or none (OAuth 2.1 §2.4). */
import type { Client } from './client.ts';
import { digest, equalDigests, matchesDigest } from './digest.ts';
import { Refusal } from './errors.ts';
import type { Parameters } from './parameters.ts';

export interface ClientCredentials {
  readonly method: 'client_secret_basic' | 'client_secret_post' | 'none';
  readonly client_id: string;
  readonly client_secret: string | undefined;
}

const basicChallenge = 'Basic realm="oauth2", charset="UTF-8"';

/** Characters; those that this server makes up have 22 to 36. */
const longestClientId = 256;

/** The one refusal of a client that did not prove who it is. @param detail for the log */
export function refuseClient(detail: string): Refusal {
  return new Refusal('invalid_client', 'Client authentication failed.', { detail, challenge: basicChallenge });
}

/** RFC 6749 §2.3.1: both halves of the Basic credentials are form-urlencoded. */
function decodeHalf(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

function readBasic(header: string): { client_id: string; client_secret: string } {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(header.trim())?.[1];
  if (encoded === undefined) throw refuseClient('Authorization header is not Basic');
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0) throw refuseClient('Basic credentials have no colon');
  try {
    const clientId = decodeHalf(decoded.slice(0, colon));
    const clientSecret = decodeHalf(decoded.slice(colon + 1));
    if (clientId.includes('\0') || clientSecret.includes('\0')) throw refuseClient('Basic credentials contain NUL');
    return { client_id: clientId, client_secret: clientSecret };
  } catch (cause) {
    throw cause instanceof Refusal ? cause : refuseClient('Basic credentials are not form-urlencoded');
  }
}

/** No client has such an id, and the log repeats the id of each request. */
function refuseOverlong(clientId: string): void {
  if (clientId.length > longestClientId) throw refuseClient(`client_id has ${clientId.length} characters`);
}

/**
 * The credentials of a request, from the header or the body but never the URL (OAuth 2.1 §2.4.1).
 * @throws {Refusal} invalid_request for two methods at once, invalid_client where there are none
 */
export function readClientCredentials(authorization: string | undefined, body: Parameters): ClientCredentials {
  const bodyId = body.get('client_id');
  const bodySecret = body.get('client_secret');
  if (body.get('client_assertion') !== undefined || body.get('client_assertion_type') !== undefined) {
    // OAuth 2.1 §2.4: one method in each request.
    if (authorization !== undefined || bodySecret !== undefined)
      throw new Refusal('invalid_request', 'The client authenticates by an assertion and by a secret at once.');
    throw refuseClient('client assertions are not supported');
  }
  if (authorization !== undefined) {
    // OAuth 2.1 §2.4: one method in each request.
    if (bodySecret !== undefined)
      throw new Refusal('invalid_request', 'The client authenticates in the header and in the body at once.');
    const basic = readBasic(authorization);
    if (bodyId !== undefined && bodyId !== basic.client_id) {
      throw new Refusal('invalid_request', 'The client_id of the header and of the body differ.');
    }
    refuseOverlong(basic.client_id);
    return { method: 'client_secret_basic', ...basic };
  }
  if (bodyId === undefined) throw refuseClient('no client credentials');
  refuseOverlong(bodyId);
  return { method: bodySecret === undefined ? 'none' : 'client_secret_post', client_id: bodyId, client_secret: bodySecret };
}

/** What authentication looks at. */
export type AuthenticatedClient = Pick<Client, 'client_id' | 'client_secret_hash' | 'token_endpoint_auth_method' | 'disabled_at'>;

/** Compared against where there is nothing to compare with, so that an unknown client takes as long. */
const nobody = digest('nobody has this secret');

/**
 * Checks the credentials against the client that the store knows.
 * @param client undefined where it knows none
 * @throws {Refusal} invalid_client, in the same words whatever was wrong (RFC 6749 §5.2); `detail` tells the operator
 */
export function authenticateClient<C extends AuthenticatedClient>(client: C | undefined, credentials: ClientCredentials): C {
  const stored = client?.client_secret_hash ?? nobody;
  const matches = credentials.client_secret === undefined ? false : matchesDigest(credentials.client_secret, stored);
  if (!client) throw refuseClient(`client ${credentials.client_id} is unknown`);
  if (client.disabled_at) throw refuseClient(`client ${client.client_id} is disabled`);
  if (client.token_endpoint_auth_method !== credentials.method) {
    throw refuseClient(
      `client ${client.client_id} used ${credentials.method}, registered is ${client.token_endpoint_auth_method}`,
    );
  }
  if (credentials.method !== 'none' && (!matches || equalDigests(stored, nobody))) {
    throw refuseClient(`client ${client.client_id} sent a wrong secret`);
  }
  return client;
}

/** @throws {Refusal} invalid_client where the client cannot keep a secret (RFC 7662 §4: no scanning by anybody) */
export function refusePublic<C extends AuthenticatedClient>(client: C): C {
  if (client.token_endpoint_auth_method === 'none') throw refuseClient(`client ${client.client_id} is public`);
  return client;
}
