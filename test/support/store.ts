/** Opens the store on a database of one's own as a role of the deployed system, with rows to ask about. */
import { randomBytes, randomUUID } from 'node:crypto';
import { after } from 'node:test';
import postgres from 'postgres';
import type { Client } from '../../lib/protocol/client.ts';
import { digest } from '../../lib/protocol/digest.ts';
import type { Session } from '../../lib/protocol/session.ts';
import type { IssuedAccessToken } from '../../lib/store/access-tokens.ts';
import { insertAuthorizationCode, type NewFamily, redeemCode } from '../../lib/store/authorization-codes.ts';
import { findClient, insertClient } from '../../lib/store/clients.ts';
import { type ConnectionSettings, type Database, openDatabase } from '../../lib/store/database.ts';
import { findVisit, startSession } from '../../lib/store/sessions.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';
import { makeClient, makeCode, now, secondsLater } from './protocol-values.ts';

export interface Store {
  /** The request path's connection. */
  readonly db: Database;
  /** The superuser's, to arrange and to look. */
  readonly admin: postgres.Sql;
  readonly database: TestDatabase;
  /** Another connection, as any role; closed when the file's tests are over. */
  open(settings?: Partial<ConnectionSettings>): Database;
}

/** A migrated database without data; everything is closed and dropped when the file's tests are over. */
export async function openStore(settings: Partial<ConnectionSettings> = {}): Promise<Store> {
  const database = await testDatabase();
  const admin = postgres(database.url, { max: 1, fetch_types: true, onnotice: () => {} });
  const opened: Database[] = [];
  const open = (own: Partial<ConnectionSettings> = {}) => {
    const { host, port, name } = database;
    const db = openDatabase({
      host,
      port,
      database: name,
      user: 'oauth2_api',
      tls: false,
      prepare: false,
      connections: 1,
      ...own,
    });
    opened.push(db);
    return db;
  };
  after(async () => {
    await Promise.all([admin.end(), ...opened.map((db) => db.end())]);
    await database.drop();
  });
  return { db: open(settings), admin, database, open };
}

/** Stores a client. */
export async function storeClient(db: Database, fields: Partial<Client> = {}): Promise<Client> {
  const client_id = `client-${randomUUID()}`;
  await insertClient(db, makeClient({ client_id, ...fields }));
  return (await findClient(db, fields.client_id ?? client_id)) as Client;
}

/** When stored end-users got their passwords. */
export const passwordSetAt = secondsLater(-86_400);

/** Stores an end-user, as an operator does. @returns the subject */
export async function storeUser({ admin }: Store, username = `user-${randomUUID()}`): Promise<string> {
  const [row] = await admin`
    insert into users (username, password_hash, password_changed_at, email, email_verified, claims)
    values (${username}, 'scrypt', ${passwordSetAt}, 'user@a.example', true, ${admin.json({ name: 'Alice' })}) returning subject`;
  return row?.subject as string;
}

/** Signs an end-user in. */
export async function storeSession(
  { db }: Store,
  subject: string,
  fields: { authenticated_for?: Uint8Array } = {},
): Promise<Session> {
  const session_hash = digest(randomUUID());
  await startSession(db, {
    session_hash,
    session_id: randomUUID(),
    subject,
    authenticated_at: now,
    expires_at: secondsLater(3600),
    authenticated_for: null,
    replaces: null,
    device_hash: digest(randomUUID()),
    password_changed_at: passwordSetAt,
    ...fields,
  });
  return (await findVisit(db, '', session_hash, now)).session as Session;
}

export function makeToken(fields: Partial<IssuedAccessToken> = {}): IssuedAccessToken {
  return { jti: randomUUID(), kid: 'key', issued_at: now, expires_at: secondsLater(900), ...fields };
}

export function makeNewFamily(fields: Partial<NewFamily> = {}): NewFamily {
  return {
    offline: true,
    expires_at: secondsLater(86_400),
    refresh_hash: randomBytes(32),
    refresh_expires_at: secondsLater(3600),
    resources: [],
    ...fields,
  };
}

/** An end-user who signed in at a client: the code is redeemed, the family founded, its access token recorded. */
export async function storeFamily(store: Store, fields: Partial<NewFamily> = {}) {
  const client = await storeClient(store.db);
  const subject = await storeUser(store);
  const session = await storeSession(store, subject);
  const code = makeCode({ client_id: client.client_id, subject, session_id: session.session_id });
  const [family, token] = [makeNewFamily(fields), makeToken()];
  await insertAuthorizationCode(store.db, code, digest('request'));
  if (!(await redeemCode(store.db, code, family, token))) throw new Error('the code was not redeemed');
  return { client, subject, session, code, token, family_id: code.family_id, refresh_hash: family.refresh_hash as Uint8Array };
}

/** Asks the same question many times at once. */
export function atOnce<T>(times: number, ask: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, index) => ask(index)));
}
