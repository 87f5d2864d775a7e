/** Lists the clients, accounts and ranges of addresses that are blocked, the newest block first, a page at a time. */
import { type BlockKind, listBlocks as findBlocks } from '../store/blocks.ts';
import { matching, wholeNumber } from './input.ts';
import type { ListInput } from './list-clients.ts';
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
  /** Give it as `after` to go on; absent on the last page. */
  readonly next_after?: string;
}

/** The last block of a page: since when, which kind, whom. */
const placeForm = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (client|user|address) (\S{1,200})$/;

function readAfter(after: string) {
  const [, at = '', kind, target = ''] = placeForm.exec(after) ?? [];
  return { blocked_at: new Date(at), kind: kind as BlockKind, target };
}

export const listBlocks: ProcedureDefinition<Tools, ListInput, null, BlockList> = {
  name: 'list-blocks',
  input: { limit: wholeNumber(1, 500), after: matching(placeForm, '`next_after` of the page before') },
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db }, { limit = 100, after }) {
    const found = await findBlocks(db, limit + 1, after === undefined ? undefined : readAfter(after));
    const blocks = found.slice(0, limit).map(({ kind, target, name, blocked_at, expires_at, reason }) => ({
      kind,
      target,
      name,
      blocked_at: blocked_at.toISOString(),
      expires_at: expires_at?.toISOString() ?? null,
      reason,
    }));
    const last = blocks.at(-1);
    return { blocks, ...(found.length > limit && last && { next_after: `${last.blocked_at} ${last.kind} ${last.target}` }) };
  },
};
