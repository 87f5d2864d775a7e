/** Leads through an incident: open, contain, eradicate, recover, report; each phase in its order, each step on record. */
import { ReleaseFault } from '../releases/fault.ts';
import { listStageReleases } from '../releases/releases.ts';
import { answering, type ToolAnswer, type ToolContext, type ToolOrder, type ToolProcedure } from '../releases/tool.ts';
import { readTrail } from './cloud-trail.ts';
import { contain, eradicate, evidence, type PhaseInput, recover } from './phases.ts';
import {
  demand,
  type IncidentRecord,
  type Phase,
  phases,
  planSteps,
  readRecord,
  type Step,
  takeSteps,
  within,
} from './record.ts';
import { buildTimeline, type ReleaseFacts, writeReport } from './timeline.ts';

export interface IncidentInput extends PhaseInput {
  readonly phase: 'open' | 'contain' | 'eradicate' | 'recover' | 'report';
  readonly id?: string;
  readonly severity?: string;
  readonly owner?: string;
  readonly note?: string;
  readonly force?: boolean;
}

/** @throws {ReleaseFault} where all is over */
function refuseClosed({ incident }: IncidentRecord): void {
  if (incident.phase === 'closed')
    throw new ReleaseFault('closed', `the incident ${incident.incident_id} is closed: open another one`);
}

/** @throws {ReleaseFault} where a phase before it was left out */
function refuseDisorder(record: IncidentRecord, phase: Phase, force: boolean): void {
  const { incident, steps } = record;
  refuseClosed(record);
  if (force) return;
  if (!steps.some(({ step, outcome }) => step === 'evidence' && outcome === 'done'))
    throw new ReleaseFault(
      'no_evidence',
      `nothing was kept of how the stage stood: oauth2ctl incident open --id ${incident.incident_id} --apply --reason '…' keeps it; --force goes on without`,
    );
  const before = phases[phases.indexOf(phase) - 1] as Phase;
  const isTaken = steps.some((step) => step.phase === before && step.outcome === 'done');
  if (before !== 'open' && !isTaken)
    throw new ReleaseFault(
      'out_of_order',
      `${phase} comes after ${before}, and nothing of that was done: oauth2ctl incident ${before}, or --force with a reason why not`,
    );
}

const nameNow = () => new Date().toISOString().slice(0, 16).replace('T', '-').replace(':', '');

async function open(context: ToolContext, { input: given, apply, reason = '' }: ToolOrder): Promise<ToolAnswer> {
  const { id: wanted, severity, owner, note } = given as unknown as IncidentInput;
  // Without an id it is the one that is open: cut off and run again, it goes on with that.
  const found = await readRecord(context, wanted).catch((error: unknown) => {
    if (error instanceof ReleaseFault && error.code === 'no_incident') return undefined;
    throw error;
  });
  if (found) refuseClosed(found);
  if (found && wanted === undefined && note !== undefined && note !== found.incident.note)
    throw new ReleaseFault(
      'already_open',
      `the incident ${found.incident.incident_id} of ${found.incident.owner} is open: --id ${found.incident.incident_id} goes on with it, another --id opens one beside it`,
    );
  const id = wanted ?? found?.incident.incident_id ?? nameNow();
  if (found === undefined && (severity === undefined || owner === undefined || note === undefined))
    throw new ReleaseFault('invalid_input', 'an incident needs --severity, --owner (who leads) and --note (what is known)');
  const acting = within(context, id);
  const steps = evidence(acting, reason || 'incident');
  const plan = {
    steps: [
      found
        ? `go on with the incident ${id} of ${found.incident.owner}`
        : `open the incident ${id} (${severity}), led by ${owner}`,
      ...planSteps(steps, found?.steps ?? []),
    ],
  };
  if (!apply) return { outcome: 'planned', plan };
  if (!found) demand(await acting.call('record-incident', { act: 'open', incident_id: id, severity, owner, note }, reason));
  const taken = await takeSteps(acting, found ?? (await readRecord(context, id)), 'open', steps, reason);
  return {
    outcome: 'succeeded',
    plan,
    result: { incident_id: id, phase: found?.incident.phase ?? 'open', taken },
    next: [`oauth2ctl incident contain --id ${id} --client CLIENT_ID, or another one who does harm: shut them out`],
  };
}

const following: Record<'contain' | 'eradicate' | 'recover', string> = {
  contain: 'oauth2ctl incident eradicate --client CLIENT_ID, or what else may be known or stolen: replace it, revoke it',
  eradicate: 'oauth2ctl incident recover: put a known-good release in place, lift blocks, verify',
  recover: 'oauth2ctl incident report',
};

/** Maintenance mode that somebody else has turned on is theirs: `recover` leaves it on, and no token is issued for as long. */
async function adviseOnUnwell({ call }: ToolContext): Promise<string[]> {
  const again = 'then the same command again';
  // Where the stage cannot tell, verify says why.
  const status = await call('status', {}, 'incident').catch(() => undefined);
  const { maintenance } = (status?.result ?? {}) as { maintenance?: string };
  if (maintenance !== 'on') return [`oauth2ctl verify; ${again}`];
  return [
    'maintenance mode is on, and not by this incident, so that nobody gets a token: a restore that is under way turns it off itself',
    `oauth2ctl maintenance --off --apply --reason '…' when nobody needs it any more; ${again}`,
  ];
}

async function act(
  context: ToolContext,
  { input: given, apply, reason = '' }: ToolOrder,
  phase: 'contain' | 'eradicate' | 'recover',
): Promise<ToolAnswer> {
  const input = given as unknown as IncidentInput;
  const record = await readRecord(context, input.id);
  const { incident_id } = record.incident;
  refuseDisorder(record, phase, input.force === true);
  const acting = within(context, incident_id);
  const why = reason || 'not said yet';
  const steps: Step[] =
    phase === 'contain'
      ? contain(acting, input, why)
      : phase === 'eradicate'
        ? eradicate(acting, input, why)
        : recover(acting, input, why, record.steps);
  const plan = { steps: [`in the incident ${incident_id}:`, ...planSteps(steps, record.steps)] };
  if (!apply) return { outcome: 'planned', plan };
  const taken = await takeSteps(acting, record, phase, steps, reason);
  const well = taken.every(({ outcome }) => outcome !== 'not well');
  const closed = input.close === true && phase === 'recover' && well;
  if (closed) demand(await acting.call('record-incident', { act: 'close', incident_id }, reason));
  return {
    outcome: 'succeeded',
    plan,
    result: { incident_id, phase: closed ? 'closed' : phase, taken, well },
    next: well
      ? [
          ...(phase === 'eradicate' && input.username !== undefined
            ? ['oauth2ctl set-password USERNAME --password-stdin, where its password may be known']
            : []),
          `${following[phase]}${phase === 'recover' && closed ? ` --id ${incident_id}` : ''}`,
        ]
      : await adviseOnUnwell(acting),
  };
}

async function report(context: ToolContext, { input }: ToolOrder): Promise<ToolAnswer> {
  const record = await readRecord(context, (input as unknown as IncidentInput).id, true);
  const { opened_at, closed_at } = record.incident;
  const releases = demand(await listStageReleases(context, { input: {}, apply: false })) as ReleaseFacts;
  const trail =
    context.stage === 'local'
      ? { entries: [], says: '– (nothing records a local instance)' }
      : await readTrail(context.stage, new Date(Date.parse(opened_at) - 3_600_000), closed_at ? new Date(closed_at) : new Date())
          .then(({ entries, whole }) => ({
            entries,
            says: `${entries.length} changes${whole ? '' : ', and more than could be asked for: look at the trail itself'}`,
          }))
          // The report is worth having without it.
          .catch((error: Error) => ({ entries: [], says: `could not be asked: ${error.message}` }));
  const timeline = buildTimeline(record, releases, trail.entries);
  const markdown = writeReport(record, timeline, trail.says);
  const result = { incident: record.incident, steps: record.steps, timeline, cloud_trail: trail.says, markdown };
  return { outcome: 'succeeded', plan: { steps: [] }, result };
}

export const handleIncident: ToolProcedure = answering(async (context, order) => {
  const { phase } = order.input as unknown as IncidentInput;
  if (phase === 'open') return open(context, order);
  if (phase === 'report') return report(context, order);
  return act(context, order, phase);
});
