/** One step of what precedes a restore to an instant: an instance beside, as the database was then, is made, waited for, and removed when it was dumped. */
import { instant, matching, ProcedureFault } from './input.ts';
import type { Instruments, ProcedureDefinition } from './procedure.ts';
import { runForm } from './restore-step.ts';
import type { Instances } from './rewound-instance.ts';

export const rewindSteps = ['start', 'look', 'remove'] as const;
export type RewindStep = (typeof rewindSteps)[number];

export interface RewindTools extends Instruments {
  readonly instances: Instances;
  /** Name of the instance that serves. */
  readonly source: string;
}

export interface RewindInput {
  readonly step: RewindStep;
  readonly run: string;
  /** ISO 8601. */
  readonly to_time?: string;
  /** The instance of which there are backups of then: its name, or RDS's id of one that is gone. */
  readonly from?: string;
  /** When the restore began, ISO 8601. */
  readonly since?: string;
}

export interface Rewinding {
  readonly step: RewindStep;
  readonly instance: string;
  /** Whether it can be dumped. */
  readonly ready: boolean;
  readonly host: string | null;
  readonly port: number | null;
  /** Until it makes sense to look again. */
  readonly pause_seconds: number;
}

/** The longest that is waited for an instance, in hours: a large one is made from its last snapshot and all changes since. */
const mostHours = 5;

/** RDS's words for an instance that nothing will come of. */
const broken = /^(failed|restore-error|incompatible-|inaccessible-|storage-full|deleting)/;

export const rewoundName = (source: string, run: string): string => `${source}-rewound-${run}`;

function pauseAfter(elapsedMs: number): number {
  // A tenth of what it has taken so far, so that a small one is not waited for in vain.
  return Math.min(Math.max(Math.round(elapsedMs / 10_000), 1), 30);
}

async function look({ instances, now }: RewindTools, instance: string, since: Date): Promise<Omit<Rewinding, 'step'>> {
  const elapsed = now().getTime() - since.getTime();
  const found = await instances.find(instance);
  if (!found) throw new ProcedureFault('no_instance', `there is no instance ${instance}: somebody removed it`, false);
  if (broken.test(found.status)) throw new ProcedureFault('not_made', `the instance ${instance} is ${found.status}`, false);
  if (elapsed > mostHours * 3_600_000)
    throw new ProcedureFault('too_slow', `the instance ${instance} is ${found.status} after ${mostHours} hours`, false);
  const { host = null, port = null } = found;
  return {
    instance,
    ready: found.status === 'available' && host !== null && port !== null,
    host,
    port,
    pause_seconds: pauseAfter(elapsed),
  };
}

/** One that is being deleted is as good as gone. */
async function remove({ instances }: RewindTools, name: string): Promise<void> {
  const found = await instances.find(name);
  if (found && found.status !== 'deleting') await instances.remove(name);
}

export const rewindStep: ProcedureDefinition<RewindTools, RewindInput, null, Rewinding> = {
  name: 'rewind-step',
  input: {
    step: {
      accepts: (value) => (rewindSteps as readonly unknown[]).includes(value),
      allowed: rewindSteps.join(', '),
      required: true,
    },
    run: matching(runForm, '1 to 24 small letters and digits', { required: true }),
    to_time: instant,
    from: matching(/^(oauth2-[a-z0-9-]{2,50}|db-[A-Z0-9]{8,40})$/, "the name of an instance, or RDS's id of it"),
    since: instant,
  },
  look: async () => null,
  plan: ({ step, run }) => ({ steps: [`${step}: an instance beside, for the restore ${run}`] }),
  async apply(tools, { step, run, to_time, from, since }) {
    const { instances, source, now } = tools;
    const instance = rewoundName(source, run);
    const pending = { instance, ready: false, host: null, port: null, pause_seconds: 1 };
    if (step === 'look') return { step, ...(await look(tools, instance, new Date(since ?? now()))) };
    if (step === 'remove') {
      await remove(tools, instance);
      return { step, ...pending };
    }
    if (to_time === undefined) throw new ProcedureFault('invalid_input', 'to_time is missing: to which instant?');
    // What restores that were cut off have left costs money.
    for (const name of await instances.list(rewoundName(source, ''))) if (name !== instance) await remove(tools, name);
    await instances.rewind(instance, { from: from ?? source, to: new Date(to_time) });
    return { step, ...pending };
  },
  describe: ({ step, instance, ready }) => `${step} ${instance}${step === 'look' ? (ready ? ': ready' : ': not yet') : ''}`,
};
