/** Leaves an audit entry about what the command-line tool does with an operator's own identity, outside of every function. */
import { listOf, matching } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { counted } from './wording.ts';

/** What is done, and with what: procedures and types of events for dead letters, alarms for a try, roles for a rotation. */
export interface ActRecord {
  readonly act: Act;
  readonly of: readonly { readonly what: string; readonly count: number }[];
}

const acts = {
  discard: {
    step: (what: string, count: number) =>
      `record that ${counted(count, 'dead letter')} of ${what} ${count === 1 ? 'is' : 'are'} taken out`,
    detail: (count: number) => `${counted(count, 'dead letter')} taken out`,
  },
  try: {
    step: (what: string) => `record that the alarm ${what} is raised for a try`,
    detail: (count: number) => `${counted(count, 'alarm')} raised for a try`,
  },
  rotate: {
    step: (what: string) => `record that RDS is told to replace the password of ${what}`,
    detail: (count: number) => `${counted(count, 'password')} about to be replaced`,
  },
} as const;

type Act = keyof typeof acts;

function isCount(value: unknown): boolean {
  const { what, count } = (value ?? {}) as Partial<Record<string, unknown>>;
  return typeof what === 'string' && /^[\w.–-]{1,100}$/.test(what) && Number.isInteger(count) && Number(count) > 0;
}

export const recordAct: ProcedureDefinition<Tools, ActRecord, null, ActRecord> = {
  name: 'record-act',
  asks_reason: true,
  atomic: true,
  input: {
    act: matching(/^(discard|try|rotate)$/, 'discard, try or rotate', { required: true }),
    of: listOf(isCount, 500, 'names with their counts'),
  },
  look: async () => null,
  plan: ({ act, of }) => ({ steps: of.map(({ what, count }) => acts[act].step(what, count)) }),
  // The entry that every procedure leaves is all that there is to do.
  apply: async (_tools, input) => input,
  describe: ({ act, of }) => acts[act].detail(of.reduce((sum, { count }) => sum + count, 0)),
};
