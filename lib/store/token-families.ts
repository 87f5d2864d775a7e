/** Questions about token families and the refresh token that each of them holds. */
import type { EventType } from '../event-types.ts';
import type { Client } from '../protocol/client.ts';
import type { TokenFamily } from '../protocol/refresh-token.ts';
import { type IssuedAccessToken, type TokenUser, userColumns } from './access-tokens.ts';
import { selectClient } from './clients.ts';
import { nest, selectAs } from './columns.ts';
import type { Database } from './database.ts';
import { aboutUser, andRecord, familyName, revokedFamily } from './event-recording.ts';
import { isAfterWatermarks, keyStands } from './watermarks.ts';

const familyColumns = [
  'family_id',
  'client_id',
  'subject',
  'session_id',
  'scope',
  'resources',
  'authenticated_at',
  'amr',
  'claims',
  'offline',
  'issued_at',
  'expires_at',
  'refresh_hash',
  'refresh_expires_at',
  'generation',
  'previous_hash',
  'rotated_at',
  'successor_sealed',
  'revoked_at',
] as const satisfies readonly (keyof TokenFamily)[];

export interface FamilyUse {
  readonly client: Client | undefined;
  readonly family: TokenFamily | undefined;
  readonly user: TokenUser | undefined;
  /** Whether end-user (password unchanged), client, consent and, unless the family is offline, session may still get tokens. */
  readonly active: boolean;
}

/** The client of a request and the family that its refresh token names, in one statement. */
export async function findClientAndFamily(db: Database, clientId: string, familyId: string, now: Date): Promise<FamilyUse> {
  const [row] = await db.ask<Record<string, unknown>>(
    'find-client-and-family',
    db.sql`
      select ${selectClient(db, 'c')}, ${selectAs(db, 'f', 'family', familyColumns)}, ${selectAs(db, 'u', 'user', userColumns)},
        coalesce(u.disabled_at is null and u.password_changed_at <= f.authenticated_at and o.disabled_at is null
          and (f.offline or (s.ended_at is null and s.expires_at > ${now})) and g.revoked_at is null
          and ${isAfterWatermarks(db, db.sql`f.issued_at`, db.sql`o.tokens_not_before, u.tokens_not_before`)}, false) as active
      from clients c
      left join token_families f on f.family_id = ${familyId}
      left join clients o on o.client_id = f.client_id
      left join users u on u.subject = f.subject
      left join sessions s on s.session_id = f.session_id
      left join grants g on g.subject = f.subject and g.client_id = f.client_id
      where c.client_id = ${clientId}`,
  );
  if (!row) return { client: undefined, family: undefined, user: undefined, active: false };
  const { client, family, user } = nest(row, { family: 'family_id', user: 'subject' });
  return {
    client: client as unknown as Client,
    family: family as unknown as TokenFamily | undefined,
    user: user as unknown as TokenUser | undefined,
    active: row.active === true && user !== undefined,
  };
}

export interface Rotation {
  readonly presented_hash: Uint8Array;
  readonly successor_hash: Uint8Array;
  readonly successor_sealed: Uint8Array;
  readonly successor_expires_at: Date;
  /** To the millisecond: the retry grace counts from here. */
  readonly rotated_at: Date;
}

/**
 * Replaces the current refresh token and records the new access token.
 * @returns false where the presented token was no longer the current one, or the key was withdrawn
 */
export async function rotateRefreshToken(
  db: Database,
  familyId: string,
  rotation: Rotation,
  token: IssuedAccessToken,
): Promise<boolean> {
  const rows = await db.ask(
    'rotate-refresh-token',
    db.sql`
      with rotated as (
        update token_families set previous_hash = refresh_hash, refresh_hash = ${rotation.successor_hash},
          refresh_expires_at = ${rotation.successor_expires_at}, generation = generation + 1, rotated_at = ${rotation.rotated_at},
          successor_sealed = ${rotation.successor_sealed}
        where family_id = ${familyId} and refresh_hash = ${rotation.presented_hash} and revoked_at is null
          and ${keyStands(db, token.kid)}
        returning client_id, subject, family_id
      ) ${andRecord(db, token.issued_at, {
        type: 'token_created',
        from: 'rotated',
        subject: aboutUser(db, db.sql`subject`),
        data: createdByRefresh(db, token),
      })}
      insert into access_tokens (jti, expires_at, issued_at, client_id, subject, family_id)
      select ${token.jti}::uuid, ${token.expires_at}::timestamptz, ${token.issued_at}::timestamptz, client_id, subject, family_id
      from rotated
      returning 1`,
  );
  return rows.length === 1;
}

/**
 * Records the access token of a retried rotation; the refresh token stays the successor that was already given.
 * @returns false where the family was revoked or rotated on meanwhile, or the key was withdrawn
 */
export async function insertRetriedToken(
  db: Database,
  familyId: string,
  presentedHash: Uint8Array,
  token: IssuedAccessToken,
): Promise<boolean> {
  const rows = await db.ask(
    'insert-retried-token',
    db.sql`
      with issued as (
        insert into access_tokens (jti, expires_at, issued_at, client_id, subject, family_id)
        select ${token.jti}::uuid, ${token.expires_at}::timestamptz, ${token.issued_at}::timestamptz, client_id, subject, family_id
        from token_families
        where family_id = ${familyId} and previous_hash = ${presentedHash} and revoked_at is null and ${keyStands(db, token.kid)}
        returning client_id, subject, family_id
      ) ${andRecord(db, token.issued_at, {
        type: 'token_created',
        from: 'issued',
        subject: aboutUser(db, db.sql`subject`),
        data: createdByRefresh(db, token),
      })}
      select 1 from issued`,
  );
  return rows.length === 1;
}

const createdByRefresh = (db: Database, token: IssuedAccessToken): ReturnType<Database['sql']> => db.sql`
  'client_id', client_id, 'user_id', subject, 'jti', ${token.jti}::text, 'grant_type', 'refresh_token',
  'expires_at', ${token.expires_at}::timestamptz, 'family', ${familyName(db, db.sql`family_id`)}`;

/** Ends that somebody should look at. */
const alarming: { readonly [because in string]?: EventType } = {
  'authorization code replayed': 'authorization_code_reused',
  'refresh token reused': 'refresh_token_reused',
};

/** Ends a family with every token in it. @param because for the operator, never on the wire */
export async function revokeFamily(db: Database, familyId: string, because: string, now: Date): Promise<void> {
  const alarm = alarming[because];
  const told = { from: 'revoked', subject: aboutUser(db, db.sql`subject`), data: revokedFamily(db) };
  await db.ask(
    'revoke-family',
    db.sql`
      with revoked as (
        update token_families set revoked_at = ${now}, revoked_because = ${because}, successor_sealed = null
        where family_id = ${familyId} and revoked_at is null
        returning client_id, subject, session_id, family_id, revoked_because
      ) ${andRecord(db, now, ...(alarm === undefined ? [] : [{ type: alarm, ...told }]), {
        type: 'token_revoked',
        ...told,
      })}
      select 1 from revoked`,
  );
}
