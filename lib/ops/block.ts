/** Shuts a client, an account or a range of addresses out for a time; `unblock` lets them in again. */
import { revokeLiveTokens } from '../store/access-token-revocation.ts';
import { type Block, findBlock, putBlock } from '../store/blocks.ts';
import { disableClient } from '../store/client-administration.ts';
import { disableUser } from '../store/user-administration.ts';
import { count } from '../telemetry.ts';
import { findTarget, type Target, type TargetInput, targetTable } from './block-target.ts';
import { text, wholeNumber } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface BlockInput extends TargetInput {
  /** Until it ends by itself; without, until somebody lifts it. */
  readonly seconds?: number;
  /** Kept with the block. */
  readonly why: string;
}

interface BlockFacts extends Target {
  readonly there: Block | undefined;
}

export interface Blocked {
  readonly kind: Target['kind'];
  readonly target: string;
  readonly expires_at: string | null;
  readonly revoked_families: number;
  readonly revoked_access_tokens: number;
}

const effect = {
  client: 'it is disabled, its token families and access tokens are revoked',
  user: 'it is disabled, its sign-in sessions end, its token families and access tokens are revoked',
  address: 'requests from there are answered 403 within 30 seconds, before anything is done with them',
};

async function shutOut(tools: Tools, { kind, target }: Target, at: Date): Promise<{ families: number; tokens: number }> {
  if (kind === 'address') return { families: 0, tokens: 0 };
  const [done, owner] =
    kind === 'client'
      ? [await disableClient(tools.db, target, at), { client_id: target }]
      : [await disableUser(tools.db, target, at), { subject: target }];
  const tokens = await revokeLiveTokens(tools.db, owner, at);
  const families = done?.revoked_families ?? 0;
  count('oauth_token_revoked_total', families + tokens);
  return { families, tokens };
}

export const block: ProcedureDefinition<Tools, BlockInput, BlockFacts, Blocked> = {
  name: 'block',
  asks_reason: true,
  input: { ...targetTable, seconds: wholeNumber(60, 31_536_000), why: text(500, { required: true }) },
  async look(tools, input) {
    const found = await findTarget(tools, input);
    return { ...found, there: await findBlock(tools.db, found.kind, found.target) };
  },
  plan: ({ seconds }, { kind, label, disabled, there }) => ({
    steps: [
      `block ${label} ${seconds === undefined ? 'until unblock lifts it' : `for ${seconds} seconds`}: ${effect[kind]}`,
      ...(there ? [`give the block of ${there.blocked_at.toISOString()} this end and this reason`] : []),
      ...(disabled && !there ? ['leave it disabled when the block ends, as it is now'] : []),
    ],
  }),
  withoutNames: (input, facts) => [input, { ...facts, label: facts.record }],
  async apply(tools, { seconds, why }, { there, ...target }) {
    const at = tools.now();
    const expires_at = seconds === undefined ? null : new Date(at.getTime() + seconds * 1000);
    // The row stands first: a run that is cut off after it is seen in the list, ends by itself, and can be lifted.
    const { kind, target: name } = target;
    const row: Block = { kind, target: name, blocked_at: at, expires_at, reason: why, was_disabled: target.disabled && !there };
    await putBlock(tools.db, row);
    const { families, tokens } = await shutOut(tools, target, at);
    return {
      kind,
      target: name,
      expires_at: expires_at?.toISOString() ?? null,
      revoked_families: families,
      revoked_access_tokens: tokens,
    };
  },
  describe: ({ kind, target, expires_at, revoked_families, revoked_access_tokens }) =>
    `${kind} ${target} blocked until ${expires_at ?? 'lifted'}: ${revoked_families} families, ${revoked_access_tokens} access tokens revoked`,
  next: ({ kind, target }) => [
    ...(kind === 'user'
      ? [
          `oauth2ctl set-password ${target} --password-stdin, where its password leaked: the end of the block lets it in with that`,
        ]
      : []),
    'oauth2ctl list-blocks',
  ],
};
