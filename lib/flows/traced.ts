/** Ties the events that a request leaves to its log line, and to the trace of its caller. */
import type { HttpRequest } from '../http/request.ts';
import type { Database } from '../store/database.ts';

/** The database for one request. */
export function traced(db: Database, request: HttpRequest): Database {
  const sent = request.header('traceparent');
  const traceparent = sent !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(sent) ? sent : undefined;
  const events = { ...db.events, correlation_id: request.request_id, traceparent };
  return Object.create(db, { events: { value: events } });
}
