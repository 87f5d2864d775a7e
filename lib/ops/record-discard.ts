/** Leaves an audit entry about dead letters that are taken out of their queues, which happens outside of every function. */
import { listOf } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { counted } from './wording.ts';

export interface DiscardRecord {
  /** Names of procedures and types of events, with how many of each. */
  readonly letters: readonly { readonly what: string; readonly count: number }[];
}

function isCount(value: unknown): boolean {
  const { what, count } = (value ?? {}) as Partial<Record<string, unknown>>;
  return typeof what === 'string' && /^[\w.–-]{1,100}$/.test(what) && Number.isInteger(count) && Number(count) > 0;
}

export const recordDiscard: ProcedureDefinition<Tools, DiscardRecord, null, DiscardRecord> = {
  name: 'record-discard',
  asks_reason: true,
  input: { letters: listOf(isCount, 500, 'names with their counts') },
  look: async () => null,
  plan: ({ letters }) => ({
    steps: letters.map(
      ({ what, count }) => `record that ${counted(count, 'dead letter')} of ${what} ${count === 1 ? 'is' : 'are'} taken out`,
    ),
  }),
  // The entry that every procedure leaves is all that there is to do.
  apply: async (_tools, input) => input,
  describe: ({ letters }) =>
    `${counted(
      letters.reduce((sum, { count }) => sum + count, 0),
      'dead letter',
    )} taken out`,
};
