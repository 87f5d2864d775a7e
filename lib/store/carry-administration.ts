/** Brings the decisions of operators, and what people changed of their accounts, from the former database into a restored one. */
import type { Database } from './database.ts';

/** Entries of the audit log that may have been committed after one with a higher number. */
const overlap = 100;
/** Numbers that are left to what the former database still records before it is closed. */
export const headroom = 1000;

/** How many rows a statement that returns them touched. */
async function apply(db: Database, what: string, query: Parameters<Database['ask']>[1]): Promise<number> {
  return (await db.ask(`carry-${what}`, query)).length;
}

/** Rows that are read and written together. */
const page = 1000;

/**
 * Goes through a table of the former database in the order of its key.
 * @param read asks for the rows behind a key, at most a page of them, each with its `key`
 * @param write brings them over; what is not in the restored one, it leaves out
 */
async function followAll(
  read: (after: string | null) => Promise<readonly { readonly key: string }[]>,
  write: (rows: string) => Promise<number>,
): Promise<number> {
  let changed = 0;
  for (let after: string | null = null; ; ) {
    const rows: readonly { readonly key: string }[] = await read(after);
    if (rows.length > 0) changed += await write(JSON.stringify(rows));
    if (rows.length < page) return changed;
    after = rows.at(-1)?.key ?? null;
  }
}

async function readAll(db: Database, what: string, query: Parameters<Database['ask']>[1]): Promise<string> {
  return JSON.stringify(await db.ask(`read-${what}`, query));
}

/** Disabled, or with another secret than the backup has. */
function carryClients(fresh: Database, former: Database): Promise<number> {
  return followAll(
    (after) =>
      former.ask<{ key: string }>(
        'read-clients',
        former.sql`
          select client_id as key, encode(client_secret_hash, 'hex') as client_secret_hash,
            encode(registration_access_token_hash, 'hex') as registration_hash, token_endpoint_auth_method, disabled_at, tokens_not_before, updated_at
          from clients where ${after}::text is null or client_id > ${after}::text order by client_id limit ${page}`,
      ),
    (rows) =>
      apply(
        fresh,
        'clients',
        fresh.sql`
          with known as (
            select * from jsonb_to_recordset(${rows}::text::jsonb) as r (key text, client_secret_hash text, registration_hash text,
              token_endpoint_auth_method text, disabled_at timestamptz, tokens_not_before timestamptz, updated_at timestamptz)
          )
            update clients c set client_secret_hash = decode(k.client_secret_hash, 'hex'), token_endpoint_auth_method = k.token_endpoint_auth_method,
              registration_access_token_hash = decode(k.registration_hash, 'hex'), disabled_at = k.disabled_at,
              tokens_not_before = k.tokens_not_before, updated_at = k.updated_at
            from known k
            where c.client_id = k.key and (c.updated_at, c.disabled_at, c.tokens_not_before) is distinct from (k.updated_at, k.disabled_at, k.tokens_not_before)
            returning 1`,
      ),
  );
}

/** Disabled, or with another password than the backup has. @param only these accounts; absent: all of them */
export function carryUsers(fresh: Database, former: Database, only?: readonly string[]): Promise<number> {
  return followAll(
    (after) =>
      former.ask<{ key: string }>(
        'read-users',
        former.sql`
          select subject as key, password_hash, password_changed_at, disabled_at, tokens_not_before, updated_at from users
          where (${after}::uuid is null or subject > ${after}::uuid)
            ${only ? former.sql`and subject = any(${former.sql.typed.texts([...only])}::text[]::uuid[])` : former.sql``}
          order by subject limit ${page}`,
      ),
    (rows) =>
      apply(
        fresh,
        'users',
        fresh.sql`
          with known as (
            select * from jsonb_to_recordset(${rows}::text::jsonb) as r (key uuid, password_hash text, password_changed_at timestamptz,
              disabled_at timestamptz, tokens_not_before timestamptz, updated_at timestamptz)
          )
            update users u set password_hash = k.password_hash, password_changed_at = k.password_changed_at, disabled_at = k.disabled_at,
              tokens_not_before = k.tokens_not_before, updated_at = k.updated_at
            from known k
            where u.subject = k.key and (u.password_hash, u.password_changed_at, u.disabled_at, u.tokens_not_before)
              is distinct from (k.password_hash, k.password_changed_at, k.disabled_at, k.tokens_not_before)
            returning 1`,
      ),
  );
}

/** Consents that were taken back since. */
function carryGrants(fresh: Database, former: Database): Promise<number> {
  return followAll(
    (after) =>
      former.ask<{ key: string }>(
        'read-grants',
        former.sql`
          select subject || ' ' || client_id as key, subject, client_id, revoked_at from grants
          where ${after}::text is null
            or (subject, client_id) > (left(${after}::text, 36)::uuid, substr(${after}::text, 38))
          order by subject, client_id limit ${page}`,
      ),
    (rows) =>
      apply(
        fresh,
        'grants',
        fresh.sql`
          update grants g set revoked_at = k.revoked_at
          from jsonb_to_recordset(${rows}::text::jsonb) as k (subject uuid, client_id text, revoked_at timestamptz)
          where k.subject = g.subject and k.client_id = g.client_id and k.revoked_at is not null and g.revoked_at is null returning 1`,
      ),
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

/** What was done since the backup stays on record. @returns entries of the log */
export async function carryAuditLog(fresh: Database, former: Database): Promise<number> {
  const [top] = await former.ask<{ id: string }>(
    'last-audit-entry',
    former.sql`select coalesce(max(audit_id), 0)::text as id from audit_log`,
  );
  const [last] = await fresh.ask<{ id: string }>(
    'last-audit-entry',
    fresh.sql`select coalesce(max(audit_id), 0)::text as id from audit_log where audit_id <= ${top?.id ?? '0'}::bigint`,
  );
  const entries = await readAll(
    former,
    'audit-log',
    former.sql`
      select audit_id::text, at, actor, procedure, reason, plan, outcome, detail, incident_id, beginning_id::text from audit_log
      where audit_id > ${last?.id ?? '0'}::bigint - ${overlap}::integer order by audit_id`,
  );
  const carried = await apply(
    fresh,
    'audit-log',
    fresh.sql`
      insert into audit_log (audit_id, at, actor, procedure, reason, plan, outcome, detail, incident_id, beginning_id) overriding system value
      select audit_id, at, actor, procedure, reason, plan, outcome, detail, incident_id, beginning_id
      from jsonb_populate_recordset(null::audit_log, ${entries}::text::jsonb) on conflict (audit_id) do nothing returning 1`,
  );
  await fresh.ask(
    'advance-audit-log',
    fresh.sql`
      select setval(pg_get_serial_sequence('audit_log', 'audit_id'),
        greatest(${top?.id ?? '0'}::bigint + ${headroom}::integer, (select last_value from audit_log_audit_id_seq)))`,
  );
  return carried;
}

/** The audit log, and incidents with their steps. @returns entries of the log */
export async function carryRecords(fresh: Database, former: Database): Promise<number> {
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
  return carryAuditLog(fresh, former);
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
