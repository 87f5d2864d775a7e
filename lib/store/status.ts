/** What an operator wants to know at a glance: how much there is, and how far the schema is. */
import type { Database } from './database.ts';
import { isAfterWatermarks } from './watermarks.ts';

export interface Counts {
  readonly clients: number;
  readonly users: number;
  readonly sessions: number;
  readonly families: number;
  readonly access_tokens: number;
}

/** A token counts as active where neither it nor its family is revoked, one by one or by a watermark. */
const activeTokens = (db: Database, now: Date) => db.sql`
  select count(*)::integer from access_tokens a
  left join token_families f on f.family_id = a.family_id
  left join clients o on o.client_id = a.client_id
  left join users u on u.subject = a.subject
  where a.expires_at > ${now} and a.revoked_at is null
    and (a.family_id is null or (f.family_id is not null and f.revoked_at is null))
    and ${isAfterWatermarks(db, db.sql`least(a.issued_at, f.issued_at)`, db.sql`o.tokens_not_before, u.tokens_not_before`)}`;

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

/** The gauges that are published every few minutes. */
export async function countClientsAndTokens(db: Database, now: Date): Promise<Pick<Counts, 'clients' | 'access_tokens'>> {
  const [row] = await db.ask<Pick<Counts, 'clients' | 'access_tokens'>>(
    'count-clients-and-tokens',
    db.sql`
      select (select count(*)::integer from clients where disabled_at is null) as clients, (${activeTokens(db, now)}) as access_tokens`,
  );
  return row ?? { clients: 0, access_tokens: 0 };
}

/** How many of each there are that are enabled, open or active. */
export async function countEverything(db: Database, now: Date): Promise<Counts> {
  const [row] = await db.ask<Counts>(
    'count-everything',
    db.sql`
      select (select count(*)::integer from clients where disabled_at is null) as clients,
        (select count(*)::integer from users where disabled_at is null) as users,
        (select count(*)::integer from sessions where ended_at is null and expires_at > ${now}) as sessions,
        (select count(*)::integer from token_families where revoked_at is null and expires_at > ${now}) as families,
        (${activeTokens(db, now)}) as access_tokens`,
  );
  return row ?? { clients: 0, users: 0, sessions: 0, families: 0, access_tokens: 0 };
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
