/** Removes the databases that restores have kept, when nobody wants to go back to them any more. */
import { ProcedureFault } from './input.ts';
import type { RestoreTools } from './load-backup.ts';
import type { ProcedureDefinition } from './procedure.ts';
import { discardFormer, type KeptDatabase, listKept } from './swap-databases.ts';

export type DiscardTools = Pick<RestoreTools, 'open' | 'db' | 'now'> & {
  /** Name of the database that serves. */
  readonly live: string;
};

export interface Discarded {
  readonly dropped: readonly string[];
}

const describeDrop = ({ name, unsaved }: KeptDatabase): string =>
  `drop ${name}, which served before a restore${unsaved === undefined ? '' : `: THE ONLY COPY, as no safety backup was taken of it: ${unsaved}`}`;

export const discardRestored: ProcedureDefinition<
  DiscardTools,
  Record<string, never>,
  { readonly kept: readonly KeptDatabase[] },
  Discarded
> = {
  name: 'discard-restored',
  asks_reason: true,
  input: {},
  async look(tools) {
    return { kept: await listKept(tools, tools.live) };
  },
  plan: (_input, { kept }) => ({
    steps: kept.length === 0 ? ['nothing was kept'] : kept.map(describeDrop),
  }),
  async apply(tools) {
    const dropped = await discardFormer(tools, tools.live);
    const left = await listKept(tools, tools.live);
    if (left.length > 0)
      throw new ProcedureFault('verification_failed', `${left.map(({ name }) => name).join(', ')} are there still`, false);
    return { dropped };
  },
  describe: ({ dropped }) => `dropped ${dropped.join(', ') || 'nothing'}`,
  next: () => ['oauth2ctl status'],
};
