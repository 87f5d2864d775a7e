/** Lists the clients, accounts and ranges of addresses that are blocked. */
import { listBlocks as list } from '../store/blocks.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface BlockList {
  readonly blocks: readonly {
    readonly kind: string;
    readonly target: string;
    readonly name: string | null;
    readonly blocked_at: string;
    readonly expires_at: string | null;
    readonly reason: string;
  }[];
}

export const listBlocks: ProcedureDefinition<Tools, Record<string, never>, null, BlockList> = {
  name: 'list-blocks',
  input: {},
  look: async () => null,
  plan: () => ({ steps: ['list the blocks'] }),
  apply: async ({ db }) => ({
    blocks: (await list(db)).map(({ kind, target, name, blocked_at, expires_at, reason }) => ({
      kind,
      target,
      name,
      blocked_at: blocked_at.toISOString(),
      expires_at: expires_at?.toISOString() ?? null,
      reason,
    })),
  }),
};
