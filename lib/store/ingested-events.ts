/** Takes an event of another producer into the outbox, once for each key and each id, where the token it came with is still good. */
import { active, joined, type PresentedAccessToken } from './access-tokens.ts';
import type { Database } from './database.ts';
import { keyStands } from './watermarks.ts';

export interface IngestedEvent {
  readonly event_id: string;
  readonly idempotency_key: string;
  readonly type: string;
  readonly subject: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  readonly correlation_id: string | undefined;
  readonly traceparent: string | undefined;
}

export type Ingested =
  | { readonly verdict: 'accepted' | 'duplicate'; readonly event_id: string }
  /** The token was revoked, or its client disabled. */
  | { readonly verdict: 'refused' }
  /** Another request hands the same event in at this moment. */
  | { readonly verdict: 'contended' };

/** One statement: the token's state, the key and the event. The producer is who the token was issued to. */
export async function ingestEvent(db: Database, token: PresentedAccessToken, event: IngestedEvent, now: Date): Promise<Ingested> {
  const { sql, events } = db;
  const { event_id, idempotency_key: key, type, subject, data } = event;
  const [row] = await db.ask<{ active: boolean; accepted: string | null; known: string | null }>(
    'ingest-event',
    sql`
      with caller as (
        select a.client_id from access_tokens a
        ${joined(db)}
        where a.expires_at = ${token.expires_at} and a.jti = ${token.jti} and ${active(db)} and ${keyStands(db, token.kid)}
      ), kept as (
        insert into ingested_events (client_id, idempotency_key, event_id, at)
        select client_id, ${key}, ${event_id}::uuid, ${now} from caller
        on conflict do nothing returning client_id, event_id
      ), recorded as (
        insert into events (event_id, at, type, subject, data, producer, correlation_id, traceparent)
        select event_id, ${now}, ${type}, ${subject}, ${sql.json(data as never)}, 'clients/' || client_id,
          ${event.correlation_id ?? events.correlation_id ?? null}, ${event.traceparent ?? events.traceparent ?? null}
        from kept
      )
      select exists (select from caller) as active, (select event_id from kept) as accepted,
        (select i.event_id from ingested_events i join caller using (client_id)
          where i.idempotency_key = ${key} or i.event_id = ${event_id}::uuid order by i.idempotency_key = ${key} desc limit 1) as known`,
  );
  if (!row?.active) return { verdict: 'refused' };
  if (row.accepted !== null) return { verdict: 'accepted', event_id: row.accepted };
  return row.known === null ? { verdict: 'contended' } : { verdict: 'duplicate', event_id: row.known };
}
