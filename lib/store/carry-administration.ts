/** Brings the decisions of operators, and what people changed of their accounts, from the former database into a restored one. */
import type { Database } from './database.ts';

/** How many rows a statement that returns them touched. */
async function apply(db: Database, what: string, query: Parameters<Database['ask']>[1]): Promise<number> {
  return (await db.ask(`carry-${what}`, query)).length;
}

async function readAll(db: Database, what: string, query: Parameters<Database['ask']>[1]): Promise<string> {
  return JSON.stringify(await db.ask(`read-${what}`, query));
}

/** Disabled, or with another secret than the backup has. */
async function carryClients(fresh: Database, former: Database): Promise<number> {
  const rows = await readAll(
    former,
    'clients',
    former.sql`
      select client_id, encode(client_secret_hash, 'hex') as client_secret_hash, encode(registration_access_token_hash, 'hex') as registration_hash,
        token_endpoint_auth_method, disabled_at, tokens_not_before, updated_at
      from clients`,
  );
  const { sql } = fresh;
  return apply(
    fresh,
    'clients',
    sql`
      with known as (
        select * from jsonb_to_recordset(${rows}::text::jsonb) as r (client_id text, client_secret_hash text, registration_hash text,
          token_endpoint_auth_method text, disabled_at timestamptz, tokens_not_before timestamptz, updated_at timestamptz)
      )
        update clients c set client_secret_hash = decode(k.client_secret_hash, 'hex'), token_endpoint_auth_method = k.token_endpoint_auth_method,
          registration_access_token_hash = decode(k.registration_hash, 'hex'), disabled_at = k.disabled_at,
          tokens_not_before = k.tokens_not_before, updated_at = k.updated_at
        from known k
        where c.client_id = k.client_id and (c.updated_at, c.disabled_at, c.tokens_not_before) is distinct from (k.updated_at, k.disabled_at, k.tokens_not_before)
        returning 1`,
  );
}

/** Disabled, or with another password than the backup has. */
async function carryUsers(fresh: Database, former: Database): Promise<number> {
  const rows = await readAll(
    former,
    'users',
    former.sql`select subject, password_hash, password_changed_at, disabled_at, tokens_not_before, updated_at from users`,
  );
  return apply(
    fresh,
    'users',
    fresh.sql`
      with known as (
        select * from jsonb_to_recordset(${rows}::text::jsonb) as r (subject uuid, password_hash text, password_changed_at timestamptz,
          disabled_at timestamptz, tokens_not_before timestamptz, updated_at timestamptz)
      )
        update users u set password_hash = k.password_hash, password_changed_at = k.password_changed_at, disabled_at = k.disabled_at,
          tokens_not_before = k.tokens_not_before, updated_at = k.updated_at
        from known k
        where u.subject = k.subject and (u.password_hash, u.password_changed_at, u.disabled_at, u.tokens_not_before)
          is distinct from (k.password_hash, k.password_changed_at, k.disabled_at, k.tokens_not_before)
        returning 1`,
  );
}

/** Consents that were taken back since. */
async function carryGrants(fresh: Database, former: Database): Promise<number> {
  const rows = await readAll(former, 'grants', former.sql`select subject, client_id, revoked_at from grants`);
  return apply(
    fresh,
    'grants',
    fresh.sql`
      update grants g set revoked_at = k.revoked_at
      from jsonb_to_recordset(${rows}::text::jsonb) as k (subject uuid, client_id text, revoked_at timestamptz)
      where k.subject = g.subject and k.client_id = g.client_id and k.revoked_at is not null and g.revoked_at is null returning 1`,
  );
}

/** Signing keys that were withdrawn since, watermarks that were raised, and addresses and others that are blocked now. */
async function carryDecisions(fresh: Database, former: Database): Promise<number> {
  const keys = await readAll(
    former,
    'withdrawn-keys',
    former.sql`select kid, retires_at from signing_keys where state = 'retired'`,
  );
  const withdrawn = await apply(
    fresh,
    'withdrawn-keys',
    fresh.sql`
      update signing_keys s set state = 'retired', retires_at = r.retires_at
      from jsonb_to_recordset(${keys}::text::jsonb) as r (kid text, retires_at timestamptz)
      where s.kid = r.kid and s.state <> 'retired' returning 1`,
  );
  const marks = await readAll(
    former,
    'watermarks',
    former.sql`select tokens_not_before, sessions_not_before from revocation_watermark`,
  );
  await apply(
    fresh,
    'watermarks',
    fresh.sql`
      update revocation_watermark w set tokens_not_before = greatest(w.tokens_not_before, r.tokens_not_before),
        sessions_not_before = greatest(w.sessions_not_before, r.sessions_not_before)
      from jsonb_to_recordset(${marks}::text::jsonb) as r (tokens_not_before timestamptz, sessions_not_before timestamptz) returning 1`,
  );
  const blocks = await readAll(
    former,
    'blocks',
    former.sql`select kind, target, blocked_at, expires_at, reason, was_disabled from blocks`,
  );
  const blocked = await apply(
    fresh,
    'blocks',
    fresh.sql`
      insert into blocks as b (kind, target, blocked_at, expires_at, reason, was_disabled)
      select kind, target, blocked_at, expires_at, reason, was_disabled from jsonb_to_recordset(${blocks}::text::jsonb)
        as r (kind text, target text, blocked_at timestamptz, expires_at timestamptz, reason text, was_disabled boolean)
      on conflict (kind, target) do update set expires_at = excluded.expires_at, reason = excluded.reason
      returning 1`,
  );
  return withdrawn + blocked;
}

/** What was done since the backup stays on record: the audit log, incidents with their steps, and events that nobody has got yet. */
async function carryRecords(fresh: Database, former: Database): Promise<number> {
  const [last] = await fresh.ask<{ id: string }>(
    'last-audit-entry',
    fresh.sql`select coalesce(max(audit_id), 0)::text as id from audit_log`,
  );
  const entries = await readAll(
    former,
    'audit-log',
    former.sql`
      select audit_id::text, at, actor, procedure, reason, plan, outcome, detail, incident_id from audit_log
      where audit_id > ${last?.id ?? '0'}::bigint order by audit_id`,
  );
  const incidents = await readAll(
    former,
    'incidents',
    former.sql`select incident_id, severity, owner, note, phase, opened_at, closed_at from incidents`,
  );
  const steps = await readAll(
    former,
    'incident-steps',
    former.sql`select incident_id, step, phase, actor, reason, started_at, ended_at, outcome, detail from incident_steps`,
  );
  await apply(
    fresh,
    'incidents',
    fresh.sql`
      insert into incidents as i select * from jsonb_populate_recordset(null::incidents, ${incidents}::text::jsonb)
      on conflict (incident_id) do update set phase = excluded.phase, note = excluded.note, closed_at = excluded.closed_at returning 1`,
  );
  await apply(
    fresh,
    'incident-steps',
    fresh.sql`
      insert into incident_steps select * from jsonb_populate_recordset(null::incident_steps, ${steps}::text::jsonb)
      on conflict (incident_id, step) do update set ended_at = excluded.ended_at, outcome = excluded.outcome, detail = excluded.detail returning 1`,
  );
  const carried = await apply(
    fresh,
    'audit-log',
    fresh.sql`
      insert into audit_log (audit_id, at, actor, procedure, reason, plan, outcome, detail, incident_id) overriding system value
      select audit_id, at, actor, procedure, reason, plan, outcome, detail, incident_id
      from jsonb_populate_recordset(null::audit_log, ${entries}::text::jsonb) returning 1`,
  );
  await fresh.ask(
    'advance-audit-log',
    fresh.sql`select setval(pg_get_serial_sequence('audit_log', 'audit_id'), greatest((select max(audit_id) from audit_log), 1))`,
  );
  return carried;
}

/** @returns what changed, by its table */
export async function carryAdministration(fresh: Database, former: Database): Promise<Record<string, number>> {
  return {
    clients: await carryClients(fresh, former),
    users: await carryUsers(fresh, former),
    grants: await carryGrants(fresh, former),
    decisions: await carryDecisions(fresh, former),
    audit_log: await carryRecords(fresh, former),
  };
}
