/** Leaves an audit entry about a stage that is about to be removed, which happens outside of every function. */
import { listOf, matching } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface DestroyRecord {
  /** Names of the stacks. */
  readonly stacks: readonly string[];
  /** That the removal relies on. */
  readonly backup_id?: string;
}

const isStack = (value: unknown) => typeof value === 'string' && /^oauth2-[a-z0-9-]{1,100}$/.test(value);

export const recordDestroy: ProcedureDefinition<Tools, DestroyRecord, null, DestroyRecord> = {
  name: 'record-destroy',
  asks_reason: true,
  atomic: true,
  input: {
    stacks: listOf(isStack, 50, 'names of stacks'),
    backup_id: matching(/^[\w-]{1,60}$/, 'the id of a backup'),
  },
  look: async () => null,
  plan: ({ stacks, backup_id }) => ({
    steps: [
      ...stacks.map((name) => `record that ${name} is deleted`),
      ...(backup_id === undefined ? [] : [`record that ${backup_id} is relied on`]),
    ],
  }),
  // The entry that every procedure leaves is all that there is to do.
  apply: async (_tools, input) => input,
  describe: ({ stacks }) => `${stacks.length} stacks are about to be deleted`,
};
