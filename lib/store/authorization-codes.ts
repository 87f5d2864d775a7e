/** Questions about authorization codes: issued once, redeemed once. */
import type { AuthorizationCode } from '../protocol/authorization-code.ts';
import type { Client } from '../protocol/client.ts';
import { type IssuedAccessToken, type TokenUser, userColumns } from './access-tokens.ts';
import { selectClient } from './clients.ts';
import { nest, selectAs } from './columns.ts';
import type { Database } from './database.ts';
import { aboutUser, andRecord, familyName } from './event-recording.ts';
import { isAfterWatermarks, isLaterSignIn, keyStands } from './watermarks.ts';

const codeColumns = [
  'code_hash',
  'client_id',
  'subject',
  'session_id',
  'family_id',
  'redirect_uri',
  'redirect_uri_given',
  'scope',
  'resources',
  'nonce',
  'code_challenge',
  'authenticated_at',
  'amr',
  'claims',
  'issued_at',
  'expires_at',
  'redeemed_at',
] as const satisfies readonly (keyof AuthorizationCode)[];

/**
 * Stores a code, and marks the sign-in and the consent that led to it as used up, so that prompt=login asks again next time.
 * @param requestHash digest of the request: marks that another tab left for another request stay
 */
export async function insertAuthorizationCode(db: Database, code: AuthorizationCode, requestHash: Uint8Array): Promise<void> {
  const { texts } = db.sql.typed;
  await db.ask(
    'insert-authorization-code',
    db.sql`
      with answered as (
        update sessions set authenticated_for = nullif(authenticated_for, ${requestHash}), consented_for = nullif(consented_for, ${requestHash})
        where session_id = ${code.session_id} and ${requestHash} in (authenticated_for, consented_for)
      ), issued as (
      insert into authorization_codes (code_hash, client_id, subject, session_id, family_id, redirect_uri, redirect_uri_given, scope, resources,
        nonce, code_challenge, authenticated_at, amr, claims, issued_at, expires_at)
      values (${code.code_hash}, ${code.client_id}, ${code.subject}, ${code.session_id}, ${code.family_id}, ${code.redirect_uri},
        ${code.redirect_uri_given}, ${code.scope}, ${texts([...code.resources])}, ${code.nonce}, ${code.code_challenge},
        ${code.authenticated_at}, ${texts([...code.amr])}, ${code.claims === null ? null : db.sql.json(code.claims as never)},
        ${code.issued_at}, ${code.expires_at})
      returning client_id, subject, session_id, scope, expires_at
      ) ${andRecord(db, code.issued_at, {
        type: 'authorization_code_created',
        from: 'issued',
        subject: aboutUser(db, db.sql`subject`),
        data: db.sql`'client_id', client_id, 'user_id', subject, 'session_id', session_id, 'scope', scope, 'expires_at', expires_at`,
      })}
      select 1 from issued`,
  );
}

export interface CodeExchange {
  readonly client: Client | undefined;
  readonly code: AuthorizationCode | undefined;
  readonly user: TokenUser | undefined;
  /** Why the end-user may not get tokens any more, in words of the log; undefined where he is enabled and still signed in. */
  readonly ended: string | undefined;
}

/** The client of an exchange and the code that it presents, in one statement. */
export async function findClientAndCode(db: Database, clientId: string, codeHash: Uint8Array): Promise<CodeExchange> {
  const [row] = await db.ask<Record<string, unknown>>(
    'find-client-and-code',
    db.sql`
      select ${selectClient(db, 'c')}, ${selectAs(db, 'k', 'code', codeColumns)}, ${selectAs(db, 'u', 'user', userColumns)},
        case when u.subject is null or u.disabled_at is not null then 'account is disabled or gone'
          when s.ended_at is not null then 'session has ended'
          when not (${isLaterSignIn(db, db.sql`k.authenticated_at`)}
            and ${isAfterWatermarks(db, db.sql`k.issued_at`, db.sql`c.tokens_not_before, u.tokens_not_before`)}) then 'issued before a revocation'
          end as ended
      from clients c
      left join authorization_codes k on k.code_hash = ${codeHash}
      left join users u on u.subject = k.subject
      left join sessions s on s.session_id = k.session_id
      where c.client_id = ${clientId}`,
  );
  if (!row) return { client: undefined, code: undefined, user: undefined, ended: undefined };
  const { client, code, user } = nest(row, { code: 'code_hash', user: 'subject' });
  return {
    client: client as unknown as Client,
    code: code as unknown as AuthorizationCode | undefined,
    user: user as unknown as TokenUser | undefined,
    ended: (row.ended as string | null) ?? undefined,
  };
}

/** The family that an exchange founds. */
export interface NewFamily {
  readonly offline: boolean;
  readonly expires_at: Date;
  /** Absent where the client may not refresh. */
  readonly refresh_hash: Uint8Array | null;
  readonly refresh_expires_at: Date | null;
  readonly resources: readonly string[];
}

/**
 * Redeems a code, founds its family and records its access token: all of it or nothing.
 * @returns false where another request redeemed the code first, it was revoked or its session ended meanwhile, or the key was withdrawn;
 * another look at the code tells which
 */
export async function redeemCode(
  db: Database,
  code: AuthorizationCode,
  family: NewFamily,
  token: IssuedAccessToken,
): Promise<boolean> {
  const rows = await db.ask(
    'redeem-code',
    db.sql`
      with signed_in as (
        -- Who signed out since the code was looked up gets nothing any more; a sign-out at this moment waits.
        select 1 from sessions where session_id = ${code.session_id} and ended_at is null for share
      ), redeemed as (
        update authorization_codes set redeemed_at = ${token.issued_at}
        where code_hash = ${code.code_hash} and redeemed_at is null and exists (select from signed_in) and ${keyStands(db, token.kid)}
          and ${isAfterWatermarks(
            db,
            db.sql`issued_at`,
            db.sql`(select tokens_not_before from clients where client_id = ${code.client_id}),
              (select tokens_not_before from users where subject = ${code.subject})`,
          )}
        returning *
      ), founded as (
        insert into token_families (family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, claims, offline,
          issued_at, expires_at, refresh_hash, refresh_expires_at)
        select family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, claims, ${family.offline},
          ${token.issued_at}::timestamptz, ${family.expires_at}::timestamptz, ${family.refresh_hash}::bytea, ${family.refresh_expires_at}::timestamptz
        from redeemed
      ) ${andRecord(
        db,
        token.issued_at,
        {
          type: 'authorization_code_validated',
          from: 'redeemed',
          subject: aboutUser(db, db.sql`subject`),
          data: db.sql`'client_id', client_id, 'user_id', subject, 'session_id', session_id, 'family', ${familyName(db, db.sql`family_id`)}`,
        },
        {
          type: 'token_created',
          from: 'redeemed',
          subject: aboutUser(db, db.sql`subject`),
          data: db.sql`'client_id', client_id, 'user_id', subject, 'jti', ${token.jti}::text, 'grant_type', 'authorization_code',
            'expires_at', ${token.expires_at}::timestamptz, 'family', ${familyName(db, db.sql`family_id`)}`,
        },
      )}
      insert into access_tokens (jti, expires_at, issued_at, client_id, subject, family_id)
      select ${token.jti}::uuid, ${token.expires_at}::timestamptz, ${token.issued_at}::timestamptz, client_id, subject, family_id
      from redeemed
      returning 1`,
  );
  return rows.length === 1;
}
