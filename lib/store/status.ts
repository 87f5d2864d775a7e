/** What an operator wants to know at a glance: how much there is, and how far the schema is. */
import { countRows } from './count-rows.ts';
import type { Database } from './database.ts';
import { isAfterWatermarks } from './watermarks.ts';

/** Null where counting takes too long. */
export interface Counts {
  readonly clients: number | null;
  readonly users: number | null;
  readonly sessions: number | null;
  readonly families: number | null;
  readonly access_tokens: number | null;
}

/** A token counts as active where neither it nor its family is revoked, one by one or by a watermark. */
const countActiveTokens = (db: Database, now: Date) =>
  countRows(
    db,
    'count-active-tokens',
    db.sql`
      select count(*)::integer as count from access_tokens a
      left join token_families f on f.family_id = a.family_id
      left join clients o on o.client_id = a.client_id
      left join users u on u.subject = a.subject
      where a.expires_at > ${now} and a.revoked_at is null
        and (a.family_id is null or (f.family_id is not null and f.revoked_at is null))
        and ${isAfterWatermarks(db, db.sql`least(a.issued_at, f.issued_at)`, db.sql`o.tokens_not_before, u.tokens_not_before`)}`,
  );

/** Where counting of tokens ends that asks for nothing but themselves: ten times what ActiveTokensHigh waits for, and a second of work. */
const mostTokens = 1_000_000;

/** Tokens that have neither expired nor been revoked one by one, up to a million; what ended with its family or by a watermark is among them. */
const countUnexpiredTokens = (db: Database, now: Date) =>
  countRows(
    db,
    'count-unexpired-tokens',
    db.sql`
      select count(*)::integer as count
      from (select from access_tokens where expires_at > ${now} and revoked_at is null limit ${mostTokens}) as unexpired`,
  );

const countClients = (db: Database) =>
  countRows(db, 'count-clients', db.sql`select count(*)::integer as count from clients where disabled_at is null`);

/** Since when the oldest of the keys that sign has done so; null where none signs. */
export async function findOldestActiveKey(db: Database): Promise<Date | null> {
  const [row] = await db.ask<{ since: Date | null }>(
    'find-oldest-active-key',
    db.sql`select min(coalesce(activated_at, created_at)) as since from signing_keys where state = 'active'`,
  );
  return row?.since ?? null;
}

/** Since when a procedure has not succeeded: when it last did, or else the schema was made; null where neither was. */
export async function findLastSuccess(db: Database, procedure: 'backup' | 'restore-drill'): Promise<Date | null> {
  const [row] = await db.ask<{ since: Date | null }>(
    'find-last-success',
    db.sql`
      select coalesce(
        (select at from audit_log where procedure = ${procedure} and outcome = 'succeeded' order by at desc limit 1),
        (select min(installed_on) at time zone 'UTC' from flyway_schema_history)) as since`,
  );
  return row?.since ?? null;
}

/** The gauges that are published every few minutes. Where the families are too many for the exact count of tokens, an alarm hears of them all the same. */
export async function countClientsAndTokens(db: Database, now: Date): Promise<Pick<Counts, 'clients' | 'access_tokens'>> {
  return {
    clients: await countClients(db),
    access_tokens: (await countActiveTokens(db, now)) ?? (await countUnexpiredTokens(db, now)),
  };
}

/** How many of each there are that are enabled, open or active. */
export async function countEverything(db: Database, now: Date): Promise<Counts> {
  const { sql } = db;
  const counted = (what: string, from: Parameters<Database['ask']>[1]) => countRows(db, `count-${what}`, from);
  return {
    clients: await countClients(db),
    users: await counted('users', sql`select count(*)::integer as count from users where disabled_at is null`),
    sessions: await counted(
      'sessions',
      sql`select count(*)::integer as count from sessions where ended_at is null and expires_at > ${now}`,
    ),
    families: await counted(
      'families',
      sql`select count(*)::integer as count from token_families where revoked_at is null and expires_at > ${now}`,
    ),
    access_tokens: await countActiveTokens(db, now),
  };
}

export interface SchemaState {
  readonly version: string;
  readonly description: string;
  readonly installed_on: Date;
  readonly success: boolean;
  /** Migrations that were applied, this one included. */
  readonly applied: number;
  readonly server_version: string;
}

/** The newest migration of the history; undefined where none was applied. */
export async function findSchemaState(db: Database): Promise<SchemaState | undefined> {
  const rows = await db.ask<SchemaState>(
    'find-schema-state',
    db.sql`
      select version, description, installed_on at time zone 'UTC' as installed_on, success,
        count(*) over ()::integer as applied, current_setting('server_version') as server_version
      from flyway_schema_history where version is not null order by installed_rank desc limit 1`,
  );
  return rows[0];
}
