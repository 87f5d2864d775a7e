/** Questions about the audit log: who ran which procedure, why, and how it ended. */
import type { Database } from './database.ts';

export interface AuditEntry {
  readonly actor: string;
  readonly procedure: string;
  readonly reason: string | null;
  /** What the procedure set out to do, as it was shown. */
  readonly plan: unknown;
  /** `begun`: before anything is done; how it ended is an entry of its own. */
  readonly outcome: 'begun' | 'succeeded' | 'failed';
  readonly detail: string | null;
  /** The incident that it was done for. */
  readonly incident_id?: string | null;
}

/**
 * Adds an entry; entries are never changed.
 * @param beginning number of the entry that was made when it began
 * @returns its number
 */
export async function insertAuditEntry(db: Database, entry: AuditEntry, beginning?: string): Promise<string> {
  const { sql } = db;
  // Named only where there is one: `migrate` records its failure in a schema that does not have the column yet.
  const [column, value] = beginning === undefined ? [sql``, sql``] : [sql`, beginning_id`, sql`, ${beginning}::bigint`];
  const [row] = await db.ask<{ audit_id: string }>(
    'insert-audit-entry',
    sql`
      insert into audit_log (actor, procedure, reason, plan, outcome, detail, incident_id ${column})
      values (${entry.actor}, ${entry.procedure}, ${entry.reason}, ${sql.json(entry.plan as never)}, ${entry.outcome}, ${entry.detail}, ${entry.incident_id ?? null} ${value})
      returning audit_id::text as audit_id`,
  );
  return row?.audit_id ?? '';
}

/** The beginning of a run of which the reason is known, such as the id of a rotation. @returns its number */
export async function findBeginning(db: Database, procedure: string, reason: string): Promise<string | undefined> {
  const [row] = await db.ask<{ audit_id: string }>(
    'find-beginning',
    db.sql`
      select audit_id::text as audit_id from audit_log
      where procedure = ${procedure} and outcome = 'begun' and reason = ${reason} order by audit_log.audit_id desc limit 1`,
  );
  return row?.audit_id;
}

/** Leaves out beginnings whose end is there: a run is told once. One without an end is under way, or was cut off. */
export const toldOnce = ({ sql }: Database) =>
  sql`not (outcome = 'begun' and exists (select from audit_log as ending where ending.beginning_id = audit_log.audit_id))`;

export interface LastRun {
  readonly procedure: string;
  readonly at: Date;
  readonly outcome: 'succeeded' | 'failed';
}

/** The latest run of each procedure that has ended, by name; of a failure that an operator was told of, nobody else has to hear. */
export async function listLastRuns(db: Database): Promise<LastRun[]> {
  return db.ask<LastRun>(
    'list-last-runs',
    db.sql`select distinct on (procedure) procedure, at, outcome from audit_log
      where outcome = 'succeeded' or (outcome = 'failed' and actor !~ '[@:]') order by procedure, audit_id desc`,
  );
}

export interface ScheduledRun extends LastRun {
  /** Its name: the procedure's, and more where the procedure has several. */
  readonly schedule: string;
}

/** The latest run of each schedule, whatever was run by hand since. */
export async function listScheduledRuns(db: Database): Promise<ScheduledRun[]> {
  return db.ask<ScheduledRun>(
    'list-scheduled-runs',
    db.sql`select distinct on (schedule) procedure, schedule, at, outcome
      from (select audit_id, procedure, at, outcome, coalesce(substring(reason from '^scheduled: (.+)$'), procedure) as schedule
        from audit_log where actor in ('schedule', 'secretsmanager')) as runs
      order by schedule, audit_id desc`,
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
  db: Database,
  { from, to, actor, procedure, incident, operators }: AuditSelection,
  after: string,
  most: number,
): Promise<AuditRow[]> {
  const { sql } = db;
  return db.ask<AuditRow>(
    'list-audit-entries',
    sql`
      select audit_id::text as audit_id, at, actor, procedure, reason, plan, outcome, detail, incident_id from audit_log
      where at >= ${from} and at <= ${to} and audit_id > ${after}::bigint
        and ${actor === undefined ? sql`true` : sql`actor = ${actor}`}
        and ${procedure === undefined ? sql`true` : sql`procedure = ${procedure}`}
        and ${incident === undefined ? sql`true` : sql`incident_id = ${incident}`}
        and ${operators ? sql`actor ~ '[@:]'` : sql`true`} and ${toldOnce(db)}
      order by audit_log.audit_id limit ${most}`,
  );
}
