/** Reads an incident with its steps and what the audit log has of its time. */
import { type AuditedAct, type Incident, type IncidentStep, listAudited, listIncidents, listSteps } from '../store/incidents.ts';
import { onOff, ProcedureFault } from './input.ts';
import { incidentId, type ProcedureDefinition, type Tools } from './procedure.ts';

export interface ReadIncidentInput {
  /** Absent: the one that is open. */
  readonly incident_id?: string;
  /** With the audit log of its time, from an hour before it was opened. */
  readonly audited?: boolean;
}

export interface ReadIncident {
  readonly incident: Incident;
  readonly steps: readonly IncidentStep[];
  readonly audited: readonly AuditedAct[];
  /** Whether only the newest of these are here. */
  readonly shortened: boolean;
}

const hour = 3_600_000;

export const readIncident: ProcedureDefinition<Tools, ReadIncidentInput, null, ReadIncident> = {
  name: 'read-incident',
  input: { incident_id: incidentId, audited: onOff },
  look: async () => null,
  plan: () => ({ steps: ['read the incident'] }),
  async apply({ db, now }, { incident_id, audited = false }) {
    const [incident, ...others] = await listIncidents(db, incident_id);
    if (incident === undefined)
      throw new ProcedureFault(
        'no_incident',
        incident_id === undefined
          ? 'no incident is open: oauth2ctl incident open; --id names one of before, as oauth2ctl audit-log --since 90d --procedure record-incident shows it'
          : `there is no incident "${incident_id}"`,
      );
    if (others.length > 0)
      throw new ProcedureFault(
        'several_incidents',
        `several incidents are open: choose by --id ${[incident, ...others].map((one) => one.incident_id).join(', --id ')}`,
      );
    const from = new Date(incident.opened_at.getTime() - hour);
    const { acts, shortened } = audited
      ? await listAudited(db, from, incident.closed_at ?? now())
      : { acts: [], shortened: false };
    return { incident, steps: await listSteps(db, incident.incident_id), audited: acts, shortened };
  },
};
