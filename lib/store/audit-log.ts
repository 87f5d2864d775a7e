/** Questions about the audit log: who ran which procedure, why, and how it ended. */
import type { Database } from './database.ts';

export interface AuditEntry {
  readonly actor: string;
  readonly procedure: string;
  readonly reason: string | null;
  /** What the procedure set out to do, as it was shown. */
  readonly plan: unknown;
  readonly outcome: 'succeeded' | 'failed';
  readonly detail: string | null;
  /** The incident that it was done for. */
  readonly incident_id?: string | null;
}

/** Adds an entry; entries are never changed. */
export async function insertAuditEntry(db: Database, entry: AuditEntry): Promise<void> {
  await db.ask(
    'insert-audit-entry',
    db.sql`
      insert into audit_log (actor, procedure, reason, plan, outcome, detail, incident_id)
      values (${entry.actor}, ${entry.procedure}, ${entry.reason}, ${db.sql.json(entry.plan as never)}, ${entry.outcome}, ${entry.detail}, ${entry.incident_id ?? null})`,
  );
}

export interface LastRun {
  readonly procedure: string;
  readonly at: Date;
  readonly outcome: 'succeeded' | 'failed';
}

/** The latest run of each procedure, by name; of a failure that an operator was told of, nobody else has to hear. */
export async function listLastRuns(db: Database): Promise<LastRun[]> {
  return db.ask<LastRun>(
    'list-last-runs',
    db.sql`select distinct on (procedure) procedure, at, outcome from audit_log
      where outcome = 'succeeded' or actor !~ '[@:]' order by procedure, audit_id desc`,
  );
}

export interface AuditSelection {
  readonly from: Date;
  readonly to: Date;
  readonly actor?: string;
  readonly procedure?: string;
  readonly incident?: string;
  /** Without what schedules, deploys and the server itself did. */
  readonly operators?: boolean;
}

export interface AuditRow extends AuditEntry {
  /** A number of 64 bits, as text. */
  readonly audit_id: string;
  readonly at: Date;
}

/** Entries of a time, oldest first. @param after number of the last one that is known */
export async function listAuditEntries(
  { ask, sql }: Database,
  { from, to, actor, procedure, incident, operators }: AuditSelection,
  after: string,
  most: number,
): Promise<AuditRow[]> {
  return ask<AuditRow>(
    'list-audit-entries',
    sql`
      select audit_id::text as audit_id, at, actor, procedure, reason, plan, outcome, detail, incident_id from audit_log
      where at >= ${from} and at <= ${to} and audit_id > ${after}::bigint
        and ${actor === undefined ? sql`true` : sql`actor = ${actor}`}
        and ${procedure === undefined ? sql`true` : sql`procedure = ${procedure}`}
        and ${incident === undefined ? sql`true` : sql`incident_id = ${incident}`}
        and ${operators ? sql`actor ~ '[@:]'` : sql`true`}
      order by audit_log.audit_id limit ${most}`,
  );
}
