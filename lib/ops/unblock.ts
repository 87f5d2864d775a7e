/** Lets a client, an account or a range of addresses in again; without any named, those whose block is over. */
import { type Block, type BlockKind, findBlock, liftBlock, listOverdueBlocks } from '../store/blocks.ts';
import { findTarget, type TargetInput, targetTable } from './block-target.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

interface Lift extends Pick<Block, 'kind' | 'target'> {
  readonly label: string;
  readonly record: string;
  readonly enable: boolean;
  /** Whether there is anything to do. */
  readonly stands: boolean;
}

export interface Unblocked {
  /** `client …`, `user …` and `address …`. */
  readonly lifted: readonly string[];
}

const nouns: Readonly<Record<BlockKind, string>> = { client: 'client', user: 'account', address: 'addresses' };

async function findNamed(tools: Tools, input: TargetInput): Promise<Lift> {
  const { kind, target, label, record, disabled } = await findTarget(tools, input);
  const there = await findBlock(tools.db, kind, target);
  return { kind, target, label, record, enable: true, stands: there !== undefined || disabled };
}

export const unblock: ProcedureDefinition<Tools, TargetInput, { lifts: readonly Lift[]; named: boolean }, Unblocked> = {
  name: 'unblock',
  asks_reason: true,
  atomic: true,
  input: targetTable,
  async look(tools, input) {
    if (Object.keys(input).length > 0) return { named: true, lifts: [await findNamed(tools, input)] };
    const overdue = await listOverdueBlocks(tools.db, tools.now());
    const lifts = overdue.map(({ kind, target, was_disabled }) => {
      const label = `the ${nouns[kind]} ${target}`;
      return { kind, target, label, record: label, enable: !was_disabled, stands: true };
    });
    return { named: false, lifts };
  },
  plan: (_input, { lifts }) => ({
    steps:
      lifts.length === 0
        ? ['leave everything as it is: no block is over']
        : lifts.map(({ label, kind, enable, stands }) => {
            if (!stands) return `leave ${label} as it is: not blocked`;
            if (kind === 'address') return `serve ${label} again, within 30 seconds`;
            if (!enable) return `remove the expired block; ${label} stays disabled, as it was before`;
            return `enable ${label}; what was issued before stays revoked`;
          }),
  }),
  withoutNames: (input, { named, lifts }) => [input, { named, lifts: lifts.map((lift) => ({ ...lift, label: lift.record })) }],
  async apply({ db, now }, _input, { lifts }) {
    const lifted: string[] = [];
    for (const lift of lifts) if (await liftBlock(db, lift, lift.enable, now())) lifted.push(`${lift.kind} ${lift.target}`);
    return { lifted };
  },
  describe: ({ lifted }) => (lifted.length === 0 ? 'nothing to lift' : `lifted: ${lifted.join(', ')}`),
  next: () => ['oauth2ctl list-blocks'],
};
