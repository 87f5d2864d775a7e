/** Authenticates a client, and turns away an address that keeps failing (OAuth 2.1 §2.4.1). */
import type { HttpRequest } from '../http/request.ts';
import {
  type AuthenticatedClient,
  authenticateClient,
  type ClientCredentials,
  readClientCredentials,
} from '../protocol/client-authentication.ts';
import { digest } from '../protocol/digest.ts';
import { Refusal } from '../protocol/errors.ts';
import type { Parameters } from '../protocol/parameters.ts';
import type { Database } from '../store/database.ts';
import { countAttempt } from '../store/throttles.ts';
import { count } from '../telemetry.ts';
import { subscriberOf } from './subscriber.ts';

/** Failures of one client id from one address within the window before 429; a right secret is never refused. */
const allowedFailures = 20;
const windowSeconds = 300;

/** The credentials of a request, its client id noted for the log. @throws {Refusal} */
export function readCredentials(request: HttpRequest, form: Parameters): ClientCredentials {
  const credentials = readClientCredentials(request.header('authorization'), form);
  request.note('client_id', credentials.client_id);
  return credentials;
}

/**
 * Checks the credentials against what the store knows. A failure costs a statement, a success none.
 * @throws {Refusal} invalid_client; with status 429 where one address fails too often
 */
export async function authenticate<C extends AuthenticatedClient>(
  db: Database,
  request: HttpRequest,
  client: C | undefined,
  credentials: ClientCredentials,
): Promise<C> {
  try {
    return authenticateClient(client, credentials);
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    count('oauth_failed_authentications');
    const bucket = digest(`client ${credentials.client_id} at ${subscriberOf(request.source_ip)}`);
    // Of a client that there is: anybody could fill the outbox with invented ones.
    const known = client && { client_id: credentials.client_id, most: allowedFailures };
    const [attempt] = await countAttempt(db, [bucket], windowSeconds, new Date(), known);
    if (!attempt || attempt.failures <= allowedFailures) throw cause;
    throw new Refusal('invalid_client', 'Client authentication failed too often. Try again later.', {
      status: 429,
      retry_after: attempt.resets_in,
      ...(cause.detail !== undefined && { detail: cause.detail }),
    });
  }
}
