/** Takes in an event of another producer, who shows an access token with the scope events:write; it goes the way of the server's own. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../../../lib/config.ts';
import { missingToken, readBearerToken, refuseToken, requireScope } from '../../../lib/flows/bearer-token.ts';
import { type HttpRequest, readBearerHeader, readJsonObject } from '../../../lib/http/request.ts';
import { answerJson, type HttpResponse } from '../../../lib/http/response.ts';
import { Refusal, Unavailable } from '../../../lib/protocol/errors.ts';
import { readEnvelope } from '../../../lib/protocol/event-envelope.ts';
import type { FindKey } from '../../../lib/protocol/token-verification.ts';
import type { Database } from '../../../lib/store/database.ts';
import { ingestEvent } from '../../../lib/store/ingested-events.ts';

export interface IngestParts {
  readonly config: Config;
  readonly db: Database;
  readonly findKey: FindKey;
  /** Whether the stage sends events to a bus. */
  readonly enabled: boolean;
}

/** Only an operator gives it to a client, unless the scope of registration names it. */
const producersScope = 'events:write';

export async function ingest(parts: IngestParts, request: HttpRequest): Promise<HttpResponse> {
  const bearer = readBearerHeader(request);
  if (bearer === undefined) throw missingToken();
  const token = await readBearerToken(parts, request, bearer);
  requireScope(token, producersScope);
  if (!parts.enabled) throw new Refusal('access_denied', 'This server keeps no events.');
  const handed = readEnvelope(readJsonObject(request, 'invalid_request'), request.header('idempotency-key'));
  const event_id = handed.event_id ?? randomUUID();
  const event = { ...handed, event_id, idempotency_key: handed.idempotency_key ?? event_id };
  const ingested = await ingestEvent(parts.db, token, event, new Date());
  switch (ingested.verdict) {
    case 'refused':
      throw refuseToken('revoked, or signed by a withdrawn key');
    case 'contended':
      throw new Unavailable('The same event is being taken in.', `idempotency key of ${token.claims.client_id}`, 1);
    default:
      return answerJson({ status: ingested.verdict, idempotency_key: event.idempotency_key, event_id: ingested.event_id }, 202);
  }
}
