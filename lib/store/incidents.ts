/** Questions about incidents: what is open, which steps were taken, and what the audit log has of the time. */
import { toldOnce } from './audit-log.ts';
import type { Database } from './database.ts';

export const phases = ['open', 'contain', 'eradicate', 'recover', 'closed'] as const;
export type Phase = (typeof phases)[number];

export interface Incident {
  readonly incident_id: string;
  readonly severity: string;
  readonly owner: string;
  readonly note: string;
  readonly phase: Phase;
  readonly opened_at: Date;
  readonly closed_at: Date | null;
}

export interface IncidentStep {
  readonly step: string;
  readonly phase: Phase;
  readonly actor: string;
  readonly reason: string | null;
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly outcome: 'under way' | 'done' | 'failed';
  readonly detail: unknown;
}

/** One incident, or every one that is not closed. */
export async function listIncidents(db: Database, incidentId?: string): Promise<Incident[]> {
  const { sql } = db;
  return db.ask<Incident>(
    'list-incidents',
    sql`
      select incident_id, severity, owner, note, phase, opened_at, closed_at from incidents
      where ${incidentId === undefined ? sql`closed_at is null` : sql`incident_id = ${incidentId}`}
      order by opened_at limit 100`,
  );
}

export async function listSteps(db: Database, incidentId: string): Promise<IncidentStep[]> {
  return db.ask<IncidentStep>(
    'list-incident-steps',
    db.sql`
      select step, phase, actor, reason, started_at, ended_at, outcome, detail from incident_steps
      where incident_id = ${incidentId} order by started_at, step`,
  );
}

export interface AuditedAct {
  readonly at: Date;
  readonly actor: string;
  readonly procedure: string;
  readonly reason: string | null;
  readonly outcome: string;
  readonly detail: string | null;
  readonly incident_id: string | null;
}

export interface Audited {
  /** Oldest first. */
  readonly acts: readonly AuditedAct[];
  /** Whether there are more, all of them older. */
  readonly shortened: boolean;
}

/** Acts of one answer: that of Lambda has room for 6 MB. */
export const mostActs = 5000;

/** What the audit log has of a span of time; without what records the incident itself, and without schedules that succeeded. */
export async function listAudited(db: Database, from: Date, to: Date): Promise<Audited> {
  const newest = await db.ask<AuditedAct>(
    'list-audited',
    db.sql`
      select at, actor, procedure, reason, outcome, detail, incident_id from audit_log
      where at between ${from} and ${to} and procedure <> 'record-incident' and not (actor = 'schedule' and outcome = 'succeeded')
        and ${toldOnce(db)}
      order by at desc, audit_id desc limit ${mostActs + 1}`,
  );
  return { acts: newest.slice(0, mostActs).toReversed(), shortened: newest.length > mostActs };
}

/** @returns false where there is one of that id already */
export async function insertIncident(db: Database, incident: Omit<Incident, 'phase' | 'closed_at'>): Promise<boolean> {
  const rows = await db.ask(
    'insert-incident',
    db.sql`
      insert into incidents (incident_id, severity, owner, note, phase, opened_at)
      values (${incident.incident_id}, ${incident.severity}, ${incident.owner}, ${incident.note}, 'open', ${incident.opened_at})
      on conflict do nothing returning 1`,
  );
  return rows.length === 1;
}

/** Writes down that a step begins, before it does, and moves the incident to its phase; never back to an earlier one. */
export async function beginStep(
  db: Database,
  incidentId: string,
  step: Pick<IncidentStep, 'step' | 'phase' | 'actor' | 'reason' | 'started_at'>,
): Promise<void> {
  const { sql } = db;
  const order = sql`array_position(${sql.typed.texts([...phases])}, phase)`;
  await db.ask(
    'begin-incident-step',
    sql`
      with moved as (
        update incidents set phase = ${step.phase}
        where incident_id = ${incidentId} and ${order} < ${phases.indexOf(step.phase) + 1}
      )
      insert into incident_steps (incident_id, step, phase, actor, reason, started_at, outcome)
      values (${incidentId}, ${step.step}, ${step.phase}, ${step.actor}, ${step.reason}, ${step.started_at}, 'under way')
      on conflict (incident_id, step) do update set actor = excluded.actor, reason = excluded.reason, started_at = excluded.started_at,
        ended_at = null, outcome = 'under way'`,
  );
}

/** @returns false where no such step began */
export async function endStep(
  db: Database,
  incidentId: string,
  { step, ended_at, outcome, detail }: Pick<IncidentStep, 'step' | 'ended_at' | 'outcome' | 'detail'>,
): Promise<boolean> {
  const rows = await db.ask(
    'end-incident-step',
    db.sql`
      update incident_steps set ended_at = ${ended_at}, outcome = ${outcome}, detail = ${db.sql.json(detail as never)}
      where incident_id = ${incidentId} and step = ${step} returning 1`,
  );
  return rows.length === 1;
}

export async function closeIncident(db: Database, incidentId: string, now: Date): Promise<boolean> {
  const rows = await db.ask(
    'close-incident',
    db.sql`
      update incidents set phase = 'closed', closed_at = coalesce(closed_at, ${now}) where incident_id = ${incidentId} returning 1`,
  );
  return rows.length === 1;
}
