/** Leaves an audit entry about a release that was put in place by moving aliases, which happens outside of every function. */
import { matching, wholeNumber } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface MoveInput {
  readonly to: number;
  /** Absent where the aliases stood as no release has them. */
  readonly from?: number;
  readonly outcome: 'done' | 'put back' | 'stuck';
  /** Of the record that the tool keeps. */
  readonly id: string;
  readonly functions: number;
}

export const recordMove: ProcedureDefinition<Tools, MoveInput, null, MoveInput> = {
  name: 'record-move',
  asks_reason: true,
  atomic: true,
  input: {
    to: { ...wholeNumber(1, 999_999), required: true },
    from: wholeNumber(1, 999_999),
    outcome: matching(/^(done|put back|stuck)$/, 'done, put back or stuck', { required: true }),
    id: matching(/^\d{8}T\d{9}Z$/, 'the id of a move, as oauth2ctl releases shows it', { required: true }),
    functions: { ...wholeNumber(0, 1000), required: true },
  },
  look: async () => null,
  plan: ({ to, from, outcome, functions, id }) => ({
    steps: [
      `record that the aliases of ${functions} functions were moved from release ${from ?? '–'} to ${to} (${outcome}, ${id})`,
    ],
  }),
  // The entry that every procedure leaves is all that there is to do.
  apply: async (_tools, input) => input,
  describe: ({ to, outcome }) => `release ${to}: ${outcome}`,
};
