/** Records an incident: that it is open, that a step begins, how it ended, and that all is over. */
import { beginStep, closeIncident, endStep, insertIncident, type Phase, phases } from '../store/incidents.ts';
import { anything, isObject, matching, ProcedureFault, text } from './input.ts';
import { incidentId, type ProcedureDefinition, type Tools } from './procedure.ts';

export interface RecordIncidentInput {
  readonly act: 'open' | 'begin' | 'end' | 'close';
  readonly incident_id: string;
  readonly severity?: string;
  readonly owner?: string;
  readonly note?: string;
  readonly phase?: Phase;
  readonly step?: string;
  readonly actor?: string;
  readonly reason?: string;
  readonly outcome?: 'done' | 'failed';
  /** What the step found or did; kept as evidence. */
  readonly detail?: unknown;
}

const needed: Record<RecordIncidentInput['act'], readonly (keyof RecordIncidentInput)[]> = {
  open: ['severity', 'owner', 'note'],
  begin: ['phase', 'step', 'actor'],
  end: ['step', 'outcome'],
  close: [],
};

/** Characters of JSON; evidence of a large stage is some thousand. */
const longestDetail = 200_000;

function refuseIncomplete(input: RecordIncidentInput): void {
  const missing = needed[input.act].filter((name) => input[name] === undefined);
  if (missing.length > 0) throw new ProcedureFault('invalid_input', `${missing.join(', ')} is missing, to ${input.act}`);
  const { detail } = input;
  if (detail !== undefined && (!isObject(detail) || JSON.stringify(detail).length > longestDetail))
    throw new ProcedureFault('invalid_input', `detail is not allowed; allowed: a JSON object of ${longestDetail} characters`);
}

export const recordIncident: ProcedureDefinition<
  Tools,
  RecordIncidentInput,
  null,
  { readonly incident_id: string; readonly said: string }
> = {
  name: 'record-incident',
  asks_reason: true,
  atomic: true,
  input: {
    act: matching(/^(open|begin|end|close)$/, 'open, begin, end or close', { required: true }),
    incident_id: { ...incidentId, required: true },
    severity: matching(/^(low|medium|high|critical)$/, 'low, medium, high or critical'),
    owner: text(200),
    note: text(2000),
    phase: matching(new RegExp(`^(${phases.join('|')})$`), phases.join(', ')),
    step: text(300),
    actor: text(200),
    reason: text(500),
    outcome: matching(/^(done|failed)$/, 'done or failed'),
    detail: anything,
  },
  look: async (_tools, input) => {
    refuseIncomplete(input);
    return null;
  },
  plan: ({ act, incident_id, step }) => ({
    steps: [`${act} ${step === undefined ? 'the incident' : `"${step}" of the incident`} ${incident_id}`],
  }),
  async apply({ db, now }, input) {
    const { act, incident_id, step = '', phase = 'open', actor = '', reason, outcome = 'failed', detail = {} } = input;
    const { severity = '', owner = '', note = '' } = input;
    const missing = new ProcedureFault('not_found', `there is no incident "${incident_id}", or no such step of it`);
    switch (act) {
      case 'open':
        if (!(await insertIncident(db, { incident_id, severity, owner, note, opened_at: now() })))
          throw new ProcedureFault('exists', `the incident "${incident_id}" is there already`);
        break;
      case 'begin':
        await beginStep(db, incident_id, { step, phase, actor, reason: reason ?? null, started_at: now() });
        break;
      case 'end':
        if (!(await endStep(db, incident_id, { step, ended_at: now(), outcome, detail }))) throw missing;
        break;
      default:
        if (!(await closeIncident(db, incident_id, now()))) throw missing;
    }
    return { incident_id, said: [act, step, act === 'end' ? outcome : ''].filter(Boolean).join(' ') };
  },
  describe: ({ incident_id, said }) => `${incident_id}: ${said}`,
};
