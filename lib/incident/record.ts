/** The record of an incident as the tool reads and writes it: each step is written down before it is taken. */
import { randomUUID } from 'node:crypto';
import { takesLong, whileWatching } from '../observe/progress.ts';
import { ReleaseFault } from '../releases/fault.ts';
import { type ToolAnswer, type ToolContext, tellStep } from '../releases/tool.ts';

/** In the order in which they come. */
export const phases = ['open', 'contain', 'eradicate', 'recover', 'closed'] as const;
export type Phase = (typeof phases)[number];

export interface RecordedStep {
  readonly step: string;
  readonly phase: Phase;
  readonly actor: string;
  readonly reason: string | null;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly outcome: 'under way' | 'done' | 'failed';
  // biome-ignore lint/suspicious/noExplicitAny: evidence of any kind
  readonly detail: Record<string, any>;
}

export interface AuditedAct {
  readonly at: string;
  readonly actor: string;
  readonly procedure: string;
  readonly reason: string | null;
  readonly outcome: string;
  readonly detail: string | null;
  readonly incident_id: string | null;
}

export interface IncidentRecord {
  readonly incident: {
    readonly incident_id: string;
    readonly severity: string;
    readonly owner: string;
    readonly note: string;
    readonly phase: Phase;
    readonly opened_at: string;
    readonly closed_at: string | null;
  };
  readonly steps: readonly RecordedStep[];
  readonly audited: readonly AuditedAct[];
  /** Whether only the newest of these are here. */
  readonly shortened: boolean;
}

/** One thing that a phase does. */
export interface Step {
  /** Names it within the incident, for the record. */
  readonly key: string;
  /** For the plan. */
  readonly says: string;
  /** Done once in an incident, however often the phase is run: it would harm to do it again. */
  readonly once?: boolean;
  /** @returns what is kept of it */
  run(): Promise<Record<string, unknown>>;
}

/** The result of a procedure. @throws {ReleaseFault} where it failed */
export function demand(answer: ToolAnswer): Record<string, unknown> {
  if (answer.outcome === 'succeeded') return (answer.result ?? {}) as Record<string, unknown>;
  throw new ReleaseFault(answer.error?.code ?? 'failed', answer.error?.message ?? 'a procedure gave no answer');
}

/** @param id absent: the one that is open @throws {ReleaseFault} where there is none, or several are */
export async function readRecord(context: ToolContext, id: string | undefined, audited = false): Promise<IncidentRecord> {
  const input = { ...(id !== undefined && { incident_id: id }), audited };
  return demand(await context.call('read-incident', input, 'incident')) as unknown as IncidentRecord;
}

/** A context whose procedures are marked in the audit log as part of the incident; what takes minutes tells how far it has come. */
export function within(context: ToolContext, id: string): ToolContext {
  return {
    ...context,
    call: (name, input, reason) => {
      if (context.json || !takesLong(name)) return context.call(name, input, reason, id);
      const run = randomUUID();
      const watched = { functions: [name], run, tell: context.print };
      return whileWatching(context, watched, () => context.call(name, input, reason, id, run));
    },
  };
}

const isDone = (steps: readonly RecordedStep[], { key }: Step) =>
  steps.some(({ step, outcome }) => step === key && outcome === 'done');

/** What would be done, in sentences. */
export function planSteps(steps: readonly Step[], taken: readonly RecordedStep[]): string[] {
  return steps.map((step) => {
    const before = taken.find(({ step: key }) => key === step.key);
    if (step.once && before?.outcome === 'done') return `leave out, done at ${before.ended_at}: ${step.says}`;
    return before?.outcome === 'under way' || before?.outcome === 'failed'
      ? `once more, it did not end: ${step.says}`
      : step.says;
  });
}

export interface Taken {
  readonly step: string;
  /** `not well`: done, and what it found is bad news. */
  readonly outcome: 'done' | 'left out' | 'not well';
  readonly detail: Record<string, unknown>;
}

/**
 * Takes the steps one after the other, each written down before and after.
 * @returns what was taken; the last one may be not well, and what comes behind it is not begun
 * @throws {ReleaseFault} of the first that fails
 */
export async function takeSteps(
  context: ToolContext,
  { incident, steps: before }: IncidentRecord,
  phase: Phase,
  steps: readonly Step[],
  reason: string,
): Promise<Taken[]> {
  const { incident_id } = incident;
  const record = async (act: 'begin' | 'end', more: Record<string, unknown>) =>
    demand(await context.call('record-incident', { act, incident_id, ...more }, reason));
  const taken: Taken[] = [];
  for (const step of steps) {
    const { key } = step;
    if (step.once && isDone(before, step)) {
      taken.push({ step: key, outcome: 'left out', detail: {} });
      continue;
    }
    tellStep(context, step.says);
    await record('begin', { phase, step: key, actor: context.actor, reason });
    try {
      const detail = await step.run();
      const well = detail.well !== false;
      await record('end', { step: key, outcome: well ? 'done' : 'failed', detail });
      taken.push({ step: key, outcome: well ? 'done' : 'not well', detail });
      if (!well) return taken;
    } catch (error) {
      const { message } = error as Error;
      // Where the database is away, the step stays under way in the record, which says as much.
      await record('end', { step: key, outcome: 'failed', detail: { message } }).catch(() => {});
      if (!(error instanceof ReleaseFault)) throw error;
      const done = taken.map((one) => one.step);
      throw new ReleaseFault(
        error.code,
        `${key}: ${message}; ${done.length === 0 ? 'nothing before it' : `done before it: ${done.join(', ')}`}; run it again, it goes on`,
      );
    }
  }
  return taken;
}
