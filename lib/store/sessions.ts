/** Questions about sign-in sessions, and about what an authorization request needs to know of them. */
import type { Client } from '../protocol/client.ts';
import type { Grant, Session } from '../protocol/session.ts';
import { selectClient } from './clients.ts';
import { nest, selectAs } from './columns.ts';
import type { Database } from './database.ts';
import { aboutUser, andRecord, revokedFamily, signedIn, signedOut } from './event-recording.ts';
import { writeNotices } from './logout-notices.ts';
import { inTransaction } from './transaction.ts';
import { isLaterSignIn } from './watermarks.ts';

const sessionColumns = [
  'session_id',
  'session_hash',
  'subject',
  'authenticated_at',
  'amr',
  'expires_at',
  'authenticated_for',
  'consented_for',
] as const satisfies readonly (keyof Session)[];

export interface Visit {
  readonly client: Client | undefined;
  readonly session: Session | undefined;
  readonly grant: Grant | undefined;
}

/**
 * The client that a request names, the session of the browser and what its end-user granted that client, in one statement.
 * @param sessionHash digest of the session cookie, null where there is none
 */
export async function findVisit(db: Database, clientId: string, sessionHash: Uint8Array | null, now: Date): Promise<Visit> {
  const [row] = await db.ask<Record<string, unknown>>(
    'find-visit',
    db.sql`
      select ${selectClient(db, 'c')}, ${selectAs(db, 's', 'session', sessionColumns)}, u.username as "session.username",
        g.scope as "grant.scope", g.resources as "grant.resources"
      from (select 1) as visit
      left join clients c on c.client_id = ${clientId}
      left join (sessions s join users u on u.subject = s.subject and u.disabled_at is null and u.password_changed_at <= s.authenticated_at)
        on s.session_hash = ${sessionHash}::bytea and s.ended_at is null and s.expires_at > ${now} and ${isLaterSignIn(db, db.sql`s.authenticated_at`)}
      left join grants g on g.subject = s.subject and g.client_id = c.client_id and g.revoked_at is null`,
  );
  const { client, session, grant } = nest(row ?? {}, { client: 'client_id', session: 'session_id', grant: 'scope' });
  return {
    client: client as unknown as Client | undefined,
    session: session as unknown as Session | undefined,
    grant: grant as unknown as Grant | undefined,
  };
}

export interface NewSession {
  readonly session_hash: Uint8Array;
  readonly session_id: string;
  readonly subject: string;
  readonly authenticated_at: Date;
  readonly expires_at: Date;
  readonly authenticated_for: Uint8Array | null;
  /** The browser's session before this sign-in: it ends, so that no id survives a sign-in. */
  readonly replaces: Uint8Array | null;
  readonly device_hash: Uint8Array;
  /** Of the password that was checked. */
  readonly password_changed_at: Date;
}

/**
 * Ends a session when no code of it is being exchanged any more: a statement that has to wait for an exchange does not see the family that it
 * founds, as its snapshot is older than its wait.
 */
function afterExchanges<T>(
  db: Database,
  question: string,
  sessionHash: Uint8Array,
  end: (db: Database) => Promise<T>,
): Promise<T> {
  return inTransaction(db, question, async (transaction) => {
    const { sql } = transaction;
    await transaction.ask(
      'lock-session',
      sql`select 1 from sessions where session_hash = ${sessionHash} and ended_at is null for no key update`,
    );
    return end(transaction);
  });
}

/**
 * Starts a session, ends the browser's former one (with notices to its clients) and remembers the device: all of it or nothing.
 * @returns false where the account was deleted or disabled, or its password changed, since the password was checked: nothing was done
 */
export function startSession(db: Database, session: NewSession): Promise<boolean> {
  if (session.replaces === null) return start(db, session);
  return afterExchanges(db, 'start-session', session.replaces, (transaction) => start(transaction, session));
}

async function start(db: Database, session: NewSession): Promise<boolean> {
  const verified = db.sql`exists (select from verified)`;
  const rows = await db.ask(
    'start-session',
    db.sql`
      with verified as (
        -- A change of the password at this moment waits, and then ends this session too.
        select subject from users
        where subject = ${session.subject} and disabled_at is null and password_changed_at = ${session.password_changed_at} for share
      ), replaced as (
        update sessions set ended_at = ${session.authenticated_at}
        where session_hash = ${session.replaces}::bytea and ended_at is null and subject <> ${session.subject} and ${verified}
        returning session_id, subject
      ), noticed as (${writeNotices(db, 'replaced', session.authenticated_at)}
      ), revoked as (
        update token_families f set revoked_at = ${session.authenticated_at}, revoked_because = 'another user signed in', successor_sealed = null
        from replaced where f.session_id = replaced.session_id and not f.offline and f.revoked_at is null
        returning f.client_id, f.subject, f.session_id, f.family_id, f.revoked_because
      ), renewed as (
        update sessions set session_hash = ${session.session_hash}, authenticated_at = ${session.authenticated_at},
          expires_at = ${session.expires_at}, authenticated_for = ${session.authenticated_for}, consented_for = null
        where session_hash = ${session.replaces}::bytea and ended_at is null and subject = ${session.subject} and ${verified}
        returning subject, session_id
      ), device as (
        insert into devices (device_hash, subject, last_seen_at)
        select ${session.device_hash}::bytea, subject, ${session.authenticated_at}::timestamptz from verified
        on conflict (device_hash) do update set subject = excluded.subject, last_seen_at = excluded.last_seen_at
      ), started as (
      insert into sessions (session_hash, session_id, subject, authenticated_at, expires_at, authenticated_for)
      select ${session.session_hash}::bytea, ${session.session_id}::uuid, subject, ${session.authenticated_at}::timestamptz, ${session.expires_at}::timestamptz,
        ${session.authenticated_for}::bytea
      from verified where not exists (select from renewed)
      returning subject, session_id
      ) ${andRecord(
        db,
        session.authenticated_at,
        { type: 'user_logout', from: 'replaced', ...signedOut(db, 'another user signed in') },
        { type: 'token_revoked', from: 'revoked', subject: aboutUser(db, db.sql`subject`), data: revokedFamily(db) },
        { type: 'user_authenticated', from: 'renewed', ...signedIn(db) },
        { type: 'user_authenticated', from: 'started', ...signedIn(db) },
      )}
      select 1 from verified`,
  );
  return rows.length === 1;
}

/** Records what the end-user allowed, and that this answered the request; scope and resources of earlier consents stay. */
export async function recordConsent(
  db: Database,
  consent: {
    session: Session;
    client_id: string;
    scope: readonly string[];
    resources: readonly string[];
    request_hash: Uint8Array;
    now: Date;
  },
): Promise<void> {
  const { texts } = db.sql.typed;
  await db.ask(
    'record-consent',
    db.sql`
      with marked as (
        update sessions set consented_for = ${consent.request_hash} where session_id = ${consent.session.session_id}
      ), granted as (
      insert into grants as g (subject, client_id, scope, resources, granted_at)
      values (${consent.session.subject}, ${consent.client_id}, ${consent.scope.join(' ')}, ${texts([...consent.resources])}, ${consent.now})
      on conflict (subject, client_id) do update set
        scope = case when g.revoked_at is not null then excluded.scope else (
          select coalesce(string_agg(distinct value, ' '), '') from unnest(string_to_array(g.scope || ' ' || excluded.scope, ' ')) as value where value <> '') end,
        resources = case when g.revoked_at is not null then excluded.resources else (
          select coalesce(array_agg(distinct uri), '{}') from unnest(g.resources || excluded.resources) as uri) end,
        granted_at = excluded.granted_at,
        revoked_at = null
      returning subject, client_id
      ) ${andRecord(db, consent.now, {
        type: 'consent_granted',
        from: 'granted',
        subject: aboutUser(db, db.sql`subject`),
        data: db.sql`'user_id', subject, 'client_id', client_id, 'scope', ${consent.scope.join(' ')}::text`,
      })}
      select 1 from granted`,
  );
}

/** Ends a session and the families that do not outlive it (those without offline_access), and leaves notices to its clients. @returns how many families ended */
export function endSession(db: Database, sessionHash: Uint8Array, now: Date): Promise<number> {
  return afterExchanges(db, 'end-session', sessionHash, (transaction) => end(transaction, sessionHash, now));
}

async function end(db: Database, sessionHash: Uint8Array, now: Date): Promise<number> {
  const rows = await db.ask(
    'end-session',
    db.sql`
      with ended as (
        update sessions set ended_at = ${now} where session_hash = ${sessionHash} and ended_at is null returning session_id, subject
      ), noticed as (${writeNotices(db, 'ended', now)}
      ), revoked as (
        update token_families f set revoked_at = ${now}, revoked_because = 'signed out'
        from ended where f.session_id = ended.session_id and not f.offline and f.revoked_at is null
        returning f.client_id, f.subject, f.session_id, f.family_id, f.revoked_because
      ) ${andRecord(
        db,
        now,
        { type: 'user_logout', from: 'ended', ...signedOut(db, 'signed out') },
        { type: 'token_revoked', from: 'revoked', subject: aboutUser(db, db.sql`subject`), data: revokedFamily(db) },
      )}
      select 1 from revoked`,
  );
  return rows.length;
}
