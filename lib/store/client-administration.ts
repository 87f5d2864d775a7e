/** What an operator asks about clients: lists of them, and the end of one. */
import type { Client } from '../protocol/client.ts';
import { revokeFamiliesOf, type Until } from './batches.ts';
import { countRows } from './count-rows.ts';
import type { Database } from './database.ts';
import { aboutClient, andRecord } from './event-recording.ts';

export type ListedClient = Pick<
  Client,
  | 'client_id'
  | 'client_name'
  | 'token_endpoint_auth_method'
  | 'grant_types'
  | 'scope'
  | 'redirect_uris'
  | 'resources'
  | 'trusted'
  | 'dynamic'
  | 'created_at'
  | 'disabled_at'
>;

/** Clients in the order of their registration. @param after id of the last one that is known, to go on behind it */
export async function listClients(db: Database, limit: number, after: string | null): Promise<ListedClient[]> {
  return db.ask<ListedClient>(
    'list-clients',
    db.sql`
      select client_id, client_name, token_endpoint_auth_method, grant_types, scope, redirect_uris, resources, trusted, dynamic, created_at, disabled_at
      from clients
      where ${after}::text is null or (created_at, client_id) > (select created_at, client_id from clients where client_id = ${after})
      order by created_at, client_id
      limit ${limit}`,
  );
}

export interface ClientHoldings {
  readonly client_id: string;
  readonly client_name: string;
  readonly disabled_at: Date | null;
  /** Token families that are not revoked; null where counting them takes too long. */
  readonly families: number | null;
}

/** A client and how much was issued to it; undefined where there is no such client. */
export async function findClientHoldings(db: Database, clientId: string): Promise<ClientHoldings | undefined> {
  const [client] = await db.ask<Omit<ClientHoldings, 'families'>>(
    'find-client-holdings',
    db.sql`select client_id, client_name, disabled_at from clients where client_id = ${clientId}`,
  );
  if (!client) return undefined;
  const families = await countRows(
    db,
    'count-families-of-client',
    db.sql`select count(*)::integer as count from token_families where client_id = ${clientId} and revoked_at is null`,
  );
  return { ...client, families };
}

/**
 * Disables a client and spends its unredeemed codes, in one short statement: from here on none of its tokens is active.
 * @returns when it was disabled, first or now; undefined where there is no such client
 */
export async function closeClient(db: Database, clientId: string, now: Date): Promise<Date | undefined> {
  const [disabled] = await db.ask<{ disabled_at: Date }>(
    'disable-client',
    db.sql`
      with before as (
        select disabled_at from clients where client_id = ${clientId}
      ), disabled as (
        update clients set disabled_at = coalesce(disabled_at, ${now}), updated_at = ${now} where client_id = ${clientId}
        returning client_id, disabled_at
      ), kept as (
        -- Disabled for good: the end of a block that runs shall not enable it.
        update blocks set was_disabled = true where kind = 'client' and target = ${clientId} and blocked_at < ${now}
      ), spent as (
        -- By the index of their expiry: what has expired is good for nothing.
        update authorization_codes set redeemed_at = ${now} where client_id = ${clientId} and redeemed_at is null and expires_at > ${now}
      ) ${andRecord(db, now, {
        type: 'client_disabled',
        from: 'disabled',
        subject: aboutClient(db, db.sql`client_id`),
        data: db.sql`'client_id', client_id`,
        when: db.sql`(select disabled_at from before) is null`,
      })}
      select disabled_at from disabled`,
  );
  return disabled?.disabled_at;
}

/** Revokes the token families of a client that is closed. @returns how many */
export async function revokeOfClient(db: Database, clientId: string, now: Date, until?: Until): Promise<number> {
  return (await revokeFamiliesOf(db, { client_id: clientId }, 'client disabled', now, until)).marked;
}

/**
 * Closes a client, then revokes its token families.
 * @returns when it was disabled, first or now, and how many families ended; undefined where there is no such client
 */
export async function disableClient(
  db: Database,
  clientId: string,
  now: Date,
  until?: Until,
): Promise<{ disabled_at: Date; revoked_families: number } | undefined> {
  const disabled_at = await closeClient(db, clientId, now);
  if (disabled_at === undefined) return undefined;
  return { disabled_at, revoked_families: await revokeOfClient(db, clientId, now, until) };
}
