/** What an operator asks about clients: lists of them, and the end of one. */
import type { Client } from '../protocol/client.ts';
import type { Database } from './database.ts';
import { aboutClient, aboutUser, andRecord, revokedFamily } from './event-recording.ts';

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
  /** Token families that are not revoked. */
  readonly families: number;
}

/** A client and how much was issued to it; undefined where there is no such client. */
export async function findClientHoldings(db: Database, clientId: string): Promise<ClientHoldings | undefined> {
  const rows = await db.ask<ClientHoldings>(
    'find-client-holdings',
    db.sql`
      select c.client_id, c.client_name, c.disabled_at,
        (select count(*)::integer from token_families f where f.client_id = c.client_id and f.revoked_at is null) as families
      from clients c where c.client_id = ${clientId}`,
  );
  return rows[0];
}

/** Families of one statement: those of a busy client may be millions, and a statement that does not end in time ends nothing. */
const batch = 1000;

/** @returns how many families of the client were revoked */
async function revokeFamiliesOf(db: Database, clientId: string, now: Date): Promise<number> {
  for (let revoked = 0; ; ) {
    const rows = await db.ask(
      'revoke-families-of-client',
      db.sql`
        with revoked as (
          update token_families set revoked_at = ${now}, revoked_because = 'client disabled', successor_sealed = null
          where ctid = any(array(
            select ctid from token_families where client_id = ${clientId} and revoked_at is null limit ${batch} for update))
          returning client_id, subject, session_id, family_id, revoked_because
        ) ${andRecord(db, now, {
          type: 'token_revoked',
          from: 'revoked',
          subject: aboutUser(db, db.sql`subject`),
          data: revokedFamily(db),
        })}
        select 1 from revoked`,
    );
    revoked += rows.length;
    if (rows.length < batch) return revoked;
  }
}

/**
 * Disables a client and spends its unredeemed codes: from here on none of its tokens is active. Then its token families are revoked.
 * @returns when it was disabled, first or now, and how many families ended; undefined where there is no such client
 */
export async function disableClient(
  db: Database,
  clientId: string,
  now: Date,
): Promise<{ disabled_at: Date; revoked_families: number } | undefined> {
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
  return disabled && { ...disabled, revoked_families: await revokeFamiliesOf(db, clientId, now) };
}
