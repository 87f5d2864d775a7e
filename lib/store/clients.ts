/** Questions about clients. */
import type { Client } from '../protocol/client.ts';
import { revokeFamiliesOf, timeIsOver } from './batches.ts';
import { selectAs } from './columns.ts';
import type { Database } from './database.ts';
import { aboutClient, andRecord } from './event-recording.ts';

/** Every column that makes a `Client`. */
export const clientColumns = [
  'client_id',
  'client_name',
  'client_secret_hash',
  'token_endpoint_auth_method',
  'redirect_uris',
  'post_logout_redirect_uris',
  'backchannel_logout_uri',
  'backchannel_logout_session_required',
  'grant_types',
  'response_types',
  'scope',
  'resources',
  'id_token_signed_response_alg',
  'require_pkce',
  'trusted',
  'dynamic',
  'default_max_age',
  'require_auth_time',
  'metadata',
  'created_at',
  'updated_at',
  'disabled_at',
] as const satisfies readonly (keyof Client)[];

/** The columns of a client as `client.…`, for statements that fetch more than the client. */
export const selectClient = (db: Database, alias: string) => selectAs(db, alias, 'client', clientColumns);

export async function findClient(db: Database, clientId: string): Promise<Client | undefined> {
  const rows = await db.ask<Client>(
    'find-client',
    db.sql`select ${db.sql.unsafe(clientColumns.join(', '))} from clients where client_id = ${clientId}`,
  );
  return rows[0];
}

/** Stores a new client. @param registrationTokenHash of a dynamic client, by which it manages itself (RFC 7592) */
export async function insertClient(db: Database, client: Client, registrationTokenHash: Uint8Array | null = null): Promise<void> {
  const { texts } = db.sql.typed;
  await db.ask(
    'insert-client',
    db.sql`
      with registered as (
      insert into clients (client_id, client_name, client_secret_hash, token_endpoint_auth_method, redirect_uris, post_logout_redirect_uris,
        backchannel_logout_uri, backchannel_logout_session_required, grant_types, response_types, scope, resources, id_token_signed_response_alg, require_pkce, trusted, dynamic, default_max_age,
        require_auth_time, metadata, registration_access_token_hash, created_at, updated_at)
      values (${client.client_id}, ${client.client_name}, ${client.client_secret_hash}, ${client.token_endpoint_auth_method},
        ${texts([...client.redirect_uris])}, ${texts([...client.post_logout_redirect_uris])}, ${client.backchannel_logout_uri},
        ${client.backchannel_logout_session_required}, ${texts([...client.grant_types])},
        ${texts([...client.response_types])}, ${client.scope}, ${texts([...client.resources])}, ${client.id_token_signed_response_alg},
        ${client.require_pkce}, ${client.trusted}, ${client.dynamic}, ${client.default_max_age}, ${client.require_auth_time},
        ${db.sql.json(client.metadata as never)}, ${registrationTokenHash}, ${client.created_at}, ${client.updated_at})
      returning client_id, dynamic, grant_types
      ) ${andRecord(db, client.created_at, {
        type: 'client_registered',
        from: 'registered',
        subject: aboutClient(db, db.sql`client_id`),
        data: db.sql`'client_id', client_id, 'dynamic', dynamic, 'grant_types', grant_types`,
      })}
      select 1 from registered`,
  );
}

/** The client that a registration access token manages (RFC 7592 §2), with the token's digest. */
export async function findManagedClient(
  db: Database,
  clientId: string,
): Promise<(Client & { registration_access_token_hash: Uint8Array }) | undefined> {
  const rows = await db.ask<Client & { registration_access_token_hash: Uint8Array }>(
    'find-managed-client',
    db.sql`
      select ${db.sql.unsafe(clientColumns.join(', '))}, registration_access_token_hash
      from clients
      where client_id = ${clientId} and disabled_at is null and registration_access_token_hash is not null`,
  );
  return rows[0];
}

/** Replaces what a client may change about itself (RFC 7592 §2.2). */
export async function replaceClientMetadata(db: Database, client: Client, now: Date): Promise<void> {
  const { texts } = db.sql.typed;
  await db.ask(
    'replace-client-metadata',
    db.sql`
      with updated as (
      update clients set client_name = ${client.client_name}, redirect_uris = ${texts([...client.redirect_uris])},
        post_logout_redirect_uris = ${texts([...client.post_logout_redirect_uris])},
        backchannel_logout_uri = ${client.backchannel_logout_uri},
        backchannel_logout_session_required = ${client.backchannel_logout_session_required}, grant_types = ${texts([...client.grant_types])},
        response_types = ${texts([...client.response_types])}, scope = ${client.scope},
        id_token_signed_response_alg = ${client.id_token_signed_response_alg}, default_max_age = ${client.default_max_age},
        require_auth_time = ${client.require_auth_time}, metadata = ${db.sql.json(client.metadata as never)}, updated_at = ${now}
      where client_id = ${client.client_id}
      returning client_id, grant_types
      ) ${andRecord(db, now, {
        type: 'client_updated',
        from: 'updated',
        subject: aboutClient(db, db.sql`client_id`),
        data: db.sql`'client_id', client_id, 'grant_types', grant_types`,
      })}
      select 1 from updated`,
  );
}

/** Longest wait of whoever deletes a client for marks of its families, in milliseconds. */
const longestMs = 3000;

/**
 * Deletes a client and ends what was issued to it (RFC 7592 §2.3): a token is active only while its client is there. Then its families are
 * marked, as many as go in a short time: those that are left expire.
 */
export async function deleteClient(db: Database, clientId: string, now: Date, until = timeIsOver(longestMs)): Promise<void> {
  await db.ask(
    'delete-client',
    db.sql`
      with deleted as (
        delete from clients where client_id = ${clientId} returning client_id
      ) ${andRecord(db, now, {
        type: 'client_deleted',
        from: 'deleted',
        subject: aboutClient(db, db.sql`client_id`),
        data: db.sql`'client_id', client_id`,
      })}
      select 1 from deleted`,
  );
  await revokeFamiliesOf(db, { client_id: clientId }, 'client deleted', now, until);
}
