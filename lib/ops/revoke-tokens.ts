/** Revokes what was issued to everybody, to a client, for an end-user, or before an instant: at once, however much it is. */
import { randomUUID } from 'node:crypto';
import { findClientHoldings } from '../store/client-administration.ts';
import {
  countRevocable,
  type Extent,
  endSessions,
  type Holdings,
  raiseWatermark,
  revokeFamilies,
} from '../store/token-revocation.ts';
import { findUserHoldings } from '../store/user-administration.ts';
import { count, tellProgress } from '../telemetry.ts';
import { instant, onOff, ProcedureFault, text } from './input.ts';
import { concludeRotation, type RotationTools, readCurrent, replaceRing } from './key-rotation.ts';
import { noAccount } from './no-account.ts';
import type { ProcedureDefinition } from './procedure.ts';
import { counted } from './wording.ts';

export interface RevokeTokensInput {
  readonly all?: boolean;
  readonly client_id?: string;
  readonly username?: string;
  /** RFC 3339. */
  readonly issued_before?: string;
}

interface RevocationFacts extends Holdings {
  /** `before` is the instant of the plan; who acts takes a later one, unless it was given. */
  readonly extent: Extent;
  /** Whom it is about, in words. */
  readonly of: string;
}

export interface RevokedTokens {
  /** Nothing that was issued before this instant is active. */
  readonly revoked_before: string;
  readonly ended_sessions: number;
  readonly revoked_families: number;
  /** Null where counting them would have taken too long. */
  readonly revoked_access_tokens: number | null;
  /** Ids of the keys that sign now; only where the old ones were withdrawn. */
  readonly new_keys?: readonly string[];
}

const choices = 'all, client_id, username, issued_before';

async function findExtent({ db, now }: RotationTools, input: RevokeTokensInput): Promise<{ extent: Extent; of: string }> {
  const { all, client_id, username, issued_before } = input;
  const given = [all || undefined, client_id, username, issued_before].filter((value) => value !== undefined);
  if (given.length !== 1)
    throw new ProcedureFault(
      'invalid_input',
      `${given.length === 0 ? 'nothing says' : 'more than one member says'} what to revoke; allowed: one of ${choices}`,
    );
  const at = now();
  if (client_id !== undefined) {
    const client = await findClientHoldings(db, client_id);
    if (!client)
      throw new ProcedureFault('not_found', `there is no client "${client_id}"; list-clients shows those that there are`);
    return { extent: { client_id, sessions: false, before: at }, of: `of the client ${client_id} "${client.client_name}"` };
  }
  if (username !== undefined) {
    const user = await findUserHoldings(db, username.normalize('NFC'), at);
    if (!user) throw noAccount(username);
    return { extent: { subject: user.subject, sessions: true, before: at }, of: `of the account "${user.username}"` };
  }
  if (issued_before === undefined) return { extent: { sessions: true, before: at }, of: 'of everybody' };
  const before = new Date(issued_before);
  if (before > at)
    throw new ProcedureFault(
      'invalid_input',
      `issued_before is ${issued_before}; allowed: an instant that is over, and it is ${at.toISOString()}`,
    );
  return { extent: { sessions: false, before }, of: `of everybody, issued before ${before.toISOString()}` };
}

const someTokens = (access_tokens: number | null) =>
  access_tokens === null ? 'the access tokens (too many to count in time)' : counted(access_tokens, 'access token');

export const revokeTokens: ProcedureDefinition<RotationTools, RevokeTokensInput, RevocationFacts, RevokedTokens> = {
  name: 'revoke-tokens',
  asks_reason: true,
  input: { all: onOff, client_id: text(200), username: text(200), issued_before: instant },
  async look(tools, input) {
    const found = await findExtent(tools, input);
    // Before anything ends: without keys nobody could get new tokens.
    if (input.all) await readCurrent(tools);
    return { ...found, ...(await countRevocable(tools.db, found.extent, tools.now())) };
  },
  plan: ({ all }, { extent, of, sessions, families, access_tokens }) => ({
    steps: [
      `revoke ${families === null ? 'the token families' : counted(families, 'token family', 'token families')} ${of}`,
      `revoke ${someTokens(access_tokens)} ${of}`,
      ...(extent.sessions
        ? [`end ${sessions === null ? 'the sign-in sessions' : counted(sessions, 'sign-in session')} ${of}`]
        : []),
      ...(all ? ['replace the signing keys and withdraw the old ones, so that no resource server takes a former token'] : []),
    ],
  }),
  withoutNames: (input, { extent, of, ...facts }) => [
    input,
    { ...facts, extent, of: extent.subject === undefined ? of : `of the account ${extent.subject}` },
  ],
  async apply(tools, { all, issued_before }, { extent: planned, access_tokens }) {
    const { db, now } = tools;
    const raise = async (): Promise<Extent> => {
      const extent = issued_before === undefined ? { ...planned, before: now() } : planned;
      if (!(await raiseWatermark(db, extent, now())))
        throw new ProcedureFault('not_found', 'it was deleted meanwhile, and its tokens with it');
      return extent;
    };
    // From here on nothing of it is active. What was being issued in that moment did not see the first watermark, but falls under the second,
    // and an account's sign-ins end between the two.
    const first = await raise();
    const ended_first = first.subject === undefined ? 0 : await endSessions(db, first, now());
    const extent = await raise();
    tellProgress(() => 'none of it is active any more; its rows are marked');
    if (all) await replaceRing(tools, true, randomUUID());
    const ended_sessions = ended_first + (extent.sessions ? await endSessions(db, extent, now()) : 0);
    const revoked_families = await revokeFamilies(db, extent, now());
    const left = await countRevocable(db, extent, now());
    if ([left.sessions, left.families, left.access_tokens].some((number) => number !== null && number > 0))
      throw new ProcedureFault('verification_failed', 'something of it is still active; run it again', false);
    count('oauth_token_revoked_total', revoked_families + (access_tokens ?? 0));
    const rotated = all ? await concludeRotation(tools, { emergency: true, finished_earlier: false }) : undefined;
    return {
      revoked_before: extent.before.toISOString(),
      ended_sessions,
      revoked_families,
      revoked_access_tokens: access_tokens,
      ...(rotated && { new_keys: rotated.keys.filter(({ state }) => state === 'active').map(({ kid }) => kid) }),
    };
  },
  describe: ({ revoked_before, ended_sessions, revoked_families, revoked_access_tokens, new_keys }) =>
    `before ${revoked_before}: ${ended_sessions} sessions ended, ${revoked_families} families and ${revoked_access_tokens ?? 'uncounted'} access tokens revoked` +
    (new_keys ? `, keys replaced by ${new_keys.join(' and ')}` : ''),
  next: () => ['oauth2ctl status'],
};
