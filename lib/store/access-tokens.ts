/** Questions about issued access tokens; the token itself is never stored, only its `jti` and what may end it early. */
import type { Client } from '../protocol/client.ts';
import { nest, selectAs } from './columns.ts';
import type { Database } from './database.ts';
import { aboutClient, aboutUser, andRecord } from './event-recording.ts';
import { isAfterWatermarks, keyStands } from './watermarks.ts';

/** A new access token as the store keeps it. */
export interface IssuedAccessToken {
  readonly jti: string;
  /** To the millisecond: revocations compare it with their watermark. */
  readonly issued_at: Date;
  /** Whole seconds: equals the token's `exp`, by which its partition is found. */
  readonly expires_at: Date;
  /** Id of the key that signs it. */
  readonly kid: string;
}

/** A token as its text tells of it. */
export type PresentedAccessToken = Pick<IssuedAccessToken, 'jti' | 'expires_at' | 'kid'>;

/**
 * Records a client's own token, provided that the client is still the one that was authenticated and the key was not withdrawn.
 * @returns false where the client was changed or disabled meanwhile, or the key withdrawn
 */
export async function insertClientToken(db: Database, client: Client, token: IssuedAccessToken): Promise<boolean> {
  const rows = await db.ask(
    'insert-client-token',
    db.sql`
      with issued as (
        insert into access_tokens (jti, expires_at, issued_at, client_id)
        select ${token.jti}, ${token.expires_at}, ${token.issued_at}, client_id
        from clients where client_id = ${client.client_id} and updated_at = ${client.updated_at} and disabled_at is null
          and ${keyStands(db, token.kid)}
        returning client_id, jti, expires_at
      ) ${andRecord(db, token.issued_at, {
        type: 'token_created',
        from: 'issued',
        subject: aboutClient(db, db.sql`client_id`),
        data: db.sql`'client_id', client_id, 'jti', jti, 'grant_type', 'client_credentials', 'expires_at', expires_at`,
      })}
      select 1 from issued`,
  );
  return rows.length === 1;
}

/** What decides whether a token with a good signature is active. */
export interface AccessTokenState {
  readonly username: string | null;
  /** Token, family, client and end-user are all as they should be. */
  readonly active: boolean;
}

/** The statement's part that says whether token `a` of client `o`, family `f` and user `u` is active. */
export const active = (db: Database) => db.sql`
  (a.jti is not null and a.revoked_at is null and o.client_id is not null and o.disabled_at is null
    and (a.family_id is null or (f.family_id is not null and f.revoked_at is null))
    and (a.subject is null or (u.subject is not null and u.disabled_at is null))
    and ${isAfterWatermarks(db, db.sql`least(a.issued_at, f.issued_at)`, db.sql`o.tokens_not_before, u.tokens_not_before`)})`;

export const joined = (db: Database) => db.sql`
  left join clients o on o.client_id = a.client_id
  left join token_families f on f.family_id = a.family_id
  left join users u on u.subject = a.subject`;

/** All that decides who asks and what it may know. */
const callerColumns = [
  'client_id',
  'client_secret_hash',
  'token_endpoint_auth_method',
  'resources',
  'disabled_at',
] as const satisfies readonly (keyof Client)[];

export type StoredCaller = Pick<Client, (typeof callerColumns)[number]>;

/** The caller of an introspection and the state of the access token that it asks about, in one statement. */
export async function findCallerAndAccessToken(
  db: Database,
  callerId: string,
  token: PresentedAccessToken,
): Promise<{ caller: StoredCaller | undefined; state: AccessTokenState }> {
  const [row] = await db.ask<Record<string, unknown>>(
    'find-caller-and-access-token',
    db.sql`
      select ${selectAs(db, 'c', 'client', callerColumns)}, u.username, ${active(db)} and ${keyStands(db, token.kid)} as active
      from clients c
      left join access_tokens a on a.expires_at = ${token.expires_at} and a.jti = ${token.jti}
      ${joined(db)}
      where c.client_id = ${callerId}`,
  );
  if (!row) return { caller: undefined, state: { username: null, active: false } };
  return {
    caller: nest(row, {}).client as unknown as StoredCaller,
    state: { username: row.username as string | null, active: row.active === true },
  };
}

/** What userinfo tells about the end-user of an access token. */
export interface TokenUser {
  readonly subject: string;
  readonly username: string;
  readonly email: string | null;
  readonly email_verified: boolean;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly updated_at: Date;
}

/** Every column that makes a `TokenUser`. */
export const userColumns = [
  'subject',
  'username',
  'email',
  'email_verified',
  'claims',
  'updated_at',
] as const satisfies readonly (keyof TokenUser)[];

/** The end-user of an active access token with what the `claims` parameter asked for; undefined where the token is not active. */
export async function findTokenUser(
  db: Database,
  token: PresentedAccessToken,
): Promise<(TokenUser & { requested_claims: unknown }) | undefined> {
  const rows = await db.ask<TokenUser & { requested_claims: unknown; active: boolean }>(
    'find-token-user',
    db.sql`
      select u.subject, u.username, u.email, u.email_verified, u.claims, u.updated_at, f.claims as requested_claims,
        ${active(db)} and ${keyStands(db, token.kid)} as active
      from access_tokens a
      ${joined(db)}
      where a.expires_at = ${token.expires_at} and a.jti = ${token.jti} and a.subject is not null`,
  );
  return rows[0]?.active ? rows[0] : undefined;
}

/** Revokes one access token of a client. @returns whether there was one to revoke */
export async function revokeAccessToken(
  db: Database,
  clientId: string,
  token: { readonly jti: string; readonly expires_at: Date },
  now: Date,
): Promise<boolean> {
  const rows = await db.ask(
    'revoke-access-token',
    db.sql`
      with revoked as (
        update access_tokens set revoked_at = ${now}
        where expires_at = ${token.expires_at} and jti = ${token.jti} and client_id = ${clientId} and revoked_at is null
        returning client_id, subject, jti, expires_at
      ) ${andRecord(db, now, {
        type: 'token_revoked',
        from: 'revoked',
        subject: db.sql`coalesce(${aboutUser(db, db.sql`subject`)}, ${aboutClient(db, db.sql`client_id`)})`,
        data: db.sql`'client_id', client_id, 'user_id', subject, 'jti', jti, 'expires_at', expires_at, 'reason', 'revoked by the client'`,
      })}
      select 1 from revoked`,
  );
  return rows.length === 1;
}
