/** Reads the audit log: who ran which procedure, when, why, with which plan, and how it ended; oldest first, a page at a time. */
import { type AuditRow, listAuditEntries } from '../store/audit-log.ts';
import { instant, matching, onOff, text, wholeNumber } from './input.ts';
import { incidentId, type ProcedureDefinition, type Tools } from './procedure.ts';

export interface AuditLogInput {
  /** ISO 8601; by default a day ago. */
  readonly since?: string;
  readonly until?: string;
  readonly actor?: string;
  readonly procedure?: string;
  readonly incident?: string;
  /** Leaves out what schedules, deploys and the server itself did. */
  readonly operators?: boolean;
  readonly limit?: number;
  /** `next_after` of the page before. */
  readonly after?: string;
}

export interface AuditLogPage {
  readonly entries: readonly AuditRow[];
  /** Absent on the last page. */
  readonly next_after?: string;
}

const dayMs = 86_400_000;

export const auditLog: ProcedureDefinition<Tools, AuditLogInput, null, AuditLogPage> = {
  name: 'audit-log',
  input: {
    since: instant,
    until: instant,
    actor: text(200),
    procedure: matching(/^[a-z][a-z-]{1,40}$/, 'the name of a procedure'),
    incident: incidentId,
    operators: onOff,
    limit: wholeNumber(1, 500),
    after: matching(/^\d{1,19}$/, '`next_after` of the page before'),
  },
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db, now }, { since, until, limit = 200, after = '0', ...selection }) {
    const span = { from: since ? new Date(since) : new Date(now().getTime() - dayMs), to: until ? new Date(until) : now() };
    const found = await listAuditEntries(db, { ...selection, ...span }, after, limit + 1);
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    return { entries, ...(found.length > limit && last && { next_after: last.audit_id }) };
  },
};
