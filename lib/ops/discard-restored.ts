/** Removes the databases that restores have kept, when nobody wants to go back to them any more. */
import { ProcedureFault } from './input.ts';
import type { RestoreTools } from './load-backup.ts';
import type { ProcedureDefinition } from './procedure.ts';
import { discardFormer, listKept } from './swap-databases.ts';

export type DiscardTools = Pick<RestoreTools, 'open' | 'db' | 'now'> & {
  /** Name of the database that serves. */
  readonly live: string;
};

export interface Discarded {
  readonly dropped: readonly string[];
}

export const discardRestored: ProcedureDefinition<DiscardTools, Record<string, never>, { readonly kept: string[] }, Discarded> = {
  name: 'discard-restored',
  asks_reason: true,
  input: {},
  async look(tools) {
    return { kept: await listKept(tools, tools.live) };
  },
  plan: (_input, { kept }) => ({
    steps: kept.length === 0 ? ['nothing was kept'] : kept.map((name) => `drop ${name}, which served before a restore`),
  }),
  async apply(tools) {
    const dropped = await discardFormer(tools, tools.live);
    const left = await listKept(tools, tools.live);
    if (left.length > 0) throw new ProcedureFault('verification_failed', `${left.join(', ')} are there still`, false);
    return { dropped };
  },
  describe: ({ dropped }) => `dropped ${dropped.join(', ') || 'nothing'}`,
  next: () => ['oauth2ctl status'],
};
