/** Shuts a client, an account or a range of addresses out for a time; `unblock` lets them in again. */
import { revokeLiveTokens } from '../store/access-token-revocation.ts';
import { type Block, findBlock, putBlock } from '../store/blocks.ts';
import { closeClient, revokeOfClient } from '../store/client-administration.ts';
import { inTransaction } from '../store/transaction.ts';
import { closeUser, endOfUser } from '../store/user-administration.ts';
import { count } from '../telemetry.ts';
import { findTarget, type Target, type TargetInput, targetTable } from './block-target.ts';
import { text, wholeNumber } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { tellMarking } from './tell-marking.ts';

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

/** Adds the block and disables whom it is about, both or neither: nobody is listed as shut out who is not. */
function close({ db }: Tools, row: Block): Promise<void> {
  return inTransaction(db, 'block', async (transaction) => {
    await putBlock(transaction, row);
    if (row.kind === 'client') await closeClient(transaction, row.target, row.blocked_at);
    if (row.kind === 'user') await closeUser(transaction, row.target, row.blocked_at);
  });
}

/** Marks what was issued to whom is disabled by now. */
async function revoke({ db }: Tools, { kind, target }: Target, at: Date): Promise<{ families: number; tokens: number }> {
  if (kind === 'address') return { families: 0, tokens: 0 };
  const owner = kind === 'client' ? { client_id: target } : { subject: target };
  const families =
    kind === 'client'
      ? await revokeOfClient(db, target, at, tellMarking())
      : (await endOfUser(db, target, at, tellMarking())).revoked_families;
  const tokens = await revokeLiveTokens(db, owner, at);
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
    // First what is seen in the list, ends by itself and can be lifted; a run that is cut off after it has shut out all the same.
    const { kind, target: name } = target;
    const row: Block = { kind, target: name, blocked_at: at, expires_at, reason: why, was_disabled: target.disabled && !there };
    await close(tools, row);
    const { families, tokens } = await revoke(tools, target, at);
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
