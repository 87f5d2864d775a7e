/** What tests of procedures need: a database by role, the procedures' output, and rows to work on. */
import { randomBytes, randomUUID } from 'node:crypto';
import { env } from 'node:process';
import { toldOnce } from '../../lib/store/audit-log.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { captureOutput, type Output } from '../support/output.ts';
import { type TestDatabase, testDatabase } from '../support/postgres.ts';

env.POWERTOOLS_METRICS_NAMESPACE = 'oauth2_server';
env.POWERTOOLS_SERVICE_NAME = 'oauth2-test';

export interface Workbench {
  readonly database: TestDatabase;
  /** As most procedures connect. */
  readonly operator: Database;
  /** As procedures that need the schema connect. */
  readonly migrator: Database;
  readonly output: Output;
  connect(role: string): Database;
  stop(): Promise<void>;
}

export async function openWorkbench(): Promise<Workbench> {
  const database = await testDatabase();
  const opened: Database[] = [];
  const connect = (user: string) => {
    const db = openDatabase({
      host: database.host,
      port: database.port,
      database: database.name,
      user,
      tls: false,
      prepare: true,
      connections: 1,
    });
    opened.push(db);
    return db;
  };
  const output = captureOutput();
  return {
    database,
    operator: connect('oauth2_operator'),
    migrator: connect('oauth2_migrator'),
    output,
    connect,
    stop: async () => {
      output.restore();
      await Promise.all(opened.map((db) => db.end()));
      await database.drop();
    },
  };
}

export const clock = { now: () => new Date() };

/** What the audit log tells: of a run that has ended its end alone. */
export async function readAuditLog(db: Database): Promise<{ text: string; rows: Record<string, unknown>[] }> {
  const rows = await db.sql<
    Record<string, unknown>[]
  >`select actor, procedure, reason, plan, outcome, detail from audit_log where ${toldOnce(db)} order by audit_id`;
  return { rows: [...rows], text: JSON.stringify(rows) };
}

const hour = 3_600_000;

export interface FamilyRow {
  readonly client_id: string;
  readonly subject: string;
  readonly session_id: string;
  readonly offline: boolean;
  readonly issued_at: Date;
  readonly expires_at: Date;
  readonly refresh_expires_at: Date | null;
  readonly revoked_at: Date | null;
}

/** A token family with one access token, as a sign-in leaves them. */
export async function addFamily(
  db: Database,
  fields: Partial<FamilyRow> & { client_id: string; subject: string },
): Promise<string> {
  const family_id = randomUUID();
  const now = Date.now();
  const row: FamilyRow = {
    session_id: randomUUID(),
    offline: true,
    issued_at: new Date(now),
    expires_at: new Date(now + 1000 * hour),
    refresh_expires_at: new Date(now + 100 * hour),
    revoked_at: null,
    ...fields,
  };
  await db.sql`
    insert into token_families (family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, offline, issued_at, expires_at,
      refresh_hash, refresh_expires_at, revoked_at)
    values (${family_id}, ${row.client_id}, ${row.subject}, ${row.session_id}, 'openid', '{}', ${row.issued_at}, '{pwd}', ${row.offline}, ${row.issued_at},
      ${row.expires_at}, ${row.refresh_expires_at === null ? null : randomBytes(32)}, ${row.refresh_expires_at}, ${row.revoked_at})`;
  await addToken(db, { client_id: row.client_id, subject: row.subject, family_id });
  return family_id;
}

export async function addToken(
  db: Database,
  fields: { client_id: string; subject?: string; family_id?: string; expires_at?: Date },
): Promise<void> {
  const expires_at = fields.expires_at ?? new Date(Math.floor(Date.now() / 1000) * 1000 + 600_000);
  await db.sql`
    insert into access_tokens (jti, expires_at, issued_at, client_id, subject, family_id)
    values (${randomUUID()}, ${expires_at}, ${new Date(expires_at.getTime() - 900_000)}, ${fields.client_id}, ${fields.subject ?? null}, ${fields.family_id ?? null})`;
}

export async function addCode(
  db: Database,
  fields: { client_id: string; subject: string; expires_at: Date; redeemed_at?: Date },
): Promise<void> {
  await db.sql`
    insert into authorization_codes (code_hash, client_id, subject, session_id, family_id, redirect_uri, redirect_uri_given, scope, resources,
      authenticated_at, amr, issued_at, expires_at, redeemed_at)
    values (${randomBytes(32)}, ${fields.client_id}, ${fields.subject}, ${randomUUID()}, ${randomUUID()}, 'https://client.example/cb', true, 'openid', '{}',
      ${fields.expires_at}, '{pwd}', ${fields.expires_at}, ${fields.expires_at}, ${fields.redeemed_at ?? null})`;
}

export async function addSession(db: Database, fields: { subject: string; expires_at: Date; ended_at?: Date }): Promise<string> {
  const session_id = randomUUID();
  await db.sql`
    insert into sessions (session_hash, session_id, subject, authenticated_at, expires_at, ended_at)
    values (${randomBytes(32)}, ${session_id}, ${fields.subject}, ${fields.expires_at}, ${fields.expires_at}, ${fields.ended_at ?? null})`;
  return session_id;
}

/** An account, without the cost of a password. */
export async function addUser(db: Database, username = `user-${randomBytes(4).toString('hex')}`): Promise<string> {
  const [row] = await db.sql<{ subject: string }[]>`
    insert into users (username, email, password_hash) values (${username}, ${`${username}@example.com`}, 'none') returning subject`;
  return row?.subject ?? '';
}

/** Seconds of a run are real; instants are what the test says. */
export function clockAt(instant: string | Date): { now: () => Date } {
  return { now: () => new Date(instant) };
}
