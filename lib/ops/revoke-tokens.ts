/** Revokes what was issued to everybody, to a client, for an end-user, or before an instant: at once, however much it is. */
import { randomUUID } from 'node:crypto';
import { timeIsOver } from '../store/batches.ts';
import { findClient } from '../store/clients.ts';
import { listStoredKeys } from '../store/signing-key-administration.ts';
import {
  countRevocable,
  type Extent,
  endSessions,
  type Holdings,
  raiseWatermark,
  revokeFamilies,
} from '../store/token-revocation.ts';
import { findUserHoldings } from '../store/user-administration.ts';
import { count } from '../telemetry.ts';
import { instant, onOff, ProcedureFault, text } from './input.ts';
import { concludeRotation, type RotationTools, readCurrent, replaceRing } from './key-rotation.ts';
import { noAccount } from './no-account.ts';
import type { ProcedureDefinition } from './procedure.ts';
import { tellMarking } from './tell-marking.ts';
import { perhapsCounted } from './wording.ts';

export interface RevokeTokensInput {
  readonly all?: boolean;
  readonly client_id?: string;
  readonly username?: string;
  /** RFC 3339. */
  readonly issued_before?: string;
}

export interface RevocationTools extends RotationTools {
  /** A run stops marking before the function is stopped. */
  readonly longest_run_ms?: number;
}

interface RevocationFacts extends Holdings {
  /** `before` is the instant of the plan; who acts takes a later one, unless it was given. */
  readonly extent: Extent;
  /** Whom it is about, in words. */
  readonly of: string;
  /** Whether the signing keys are replaced. */
  readonly keys: boolean;
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
  /** Whether each row is marked; nothing of it is active either way. */
  readonly finished: boolean;
  /** Rows that are left to be marked; null where counting them would have taken too long. */
  readonly left: number | null;
}

const longestRunMs = 240_000;

const choices = 'all, client_id, username, issued_before';

async function findExtent({ db, now }: RotationTools, input: RevokeTokensInput): Promise<{ extent: Extent; of: string }> {
  const { all, client_id, username, issued_before } = input;
  const given = [all || undefined, client_id, username].filter((value) => value !== undefined);
  if (given.length > 1 || (given.length === 0 && issued_before === undefined))
    throw new ProcedureFault(
      'invalid_input',
      `${given.length === 0 ? 'nothing says' : 'more than one member says'} what to revoke; allowed: one of ${choices}`,
    );
  const at = now();
  const before = issued_before === undefined ? at : new Date(issued_before);
  if (before > at)
    throw new ProcedureFault(
      'invalid_input',
      `issued_before is ${issued_before}; allowed: an instant that is over, and it is ${at.toISOString()}`,
    );
  const since = issued_before === undefined ? '' : `, issued before ${before.toISOString()}`;
  if (client_id !== undefined) {
    const client = await findClient(db, client_id);
    if (!client)
      throw new ProcedureFault('not_found', `there is no client "${client_id}"; list-clients shows those that there are`);
    return { extent: { client_id, sessions: false, before }, of: `of the client ${client_id} "${client.client_name}"${since}` };
  }
  if (username !== undefined) {
    const user = await findUserHoldings(db, username.normalize('NFC'), at);
    if (!user) throw noAccount(username);
    return { extent: { subject: user.subject, sessions: true, before }, of: `of the account "${user.username}"${since}` };
  }
  return { extent: { sessions: all === true, before }, of: `of everybody${since}` };
}

/** Where the instant is that of a run before, the keys of then are gone already. */
async function hasKeysFromBefore({ db }: RotationTools, before: Date): Promise<boolean> {
  return (await listStoredKeys(db)).some(({ state, created_at }) => state === 'active' && created_at < before);
}

export const revokeTokens: ProcedureDefinition<RevocationTools, RevokeTokensInput, RevocationFacts, RevokedTokens> = {
  name: 'revoke-tokens',
  asks_reason: true,
  input: { all: onOff, client_id: text(200), username: text(200), issued_before: instant },
  async look(tools, input) {
    const found = await findExtent(tools, input);
    // Before anything ends: without keys nobody could get new tokens.
    if (input.all) await readCurrent(tools);
    const keys =
      input.all === true && (input.issued_before === undefined || (await hasKeysFromBefore(tools, found.extent.before)));
    return { ...found, keys, ...(await countRevocable(tools.db, found.extent, tools.now())) };
  },
  plan: (_input, { extent, of, keys, sessions, families, access_tokens }) => ({
    steps: [
      `revoke ${perhapsCounted(families, 'token family', 'token families')} ${of}`,
      `revoke ${perhapsCounted(access_tokens, 'access token')} ${of}`,
      ...(extent.sessions ? [`end ${perhapsCounted(sessions, 'sign-in session')} ${of}`] : []),
      ...(keys ? ['replace the signing keys and withdraw the old ones, so that no resource server takes a former token'] : []),
    ],
  }),
  withoutNames: (input, { extent, of, ...facts }) => [
    input,
    {
      ...facts,
      extent,
      of: extent.subject === undefined ? of : of.replace(/^of the account ".*"/, `of the account ${extent.subject}`),
    },
  ],
  async apply(tools, { issued_before }, { extent: planned, keys, access_tokens }) {
    const { db, now } = tools;
    const until = tellMarking(timeIsOver(tools.longest_run_ms ?? longestRunMs));
    const raise = async (): Promise<Extent> => {
      const extent = issued_before === undefined ? { ...planned, before: now() } : planned;
      if (!(await raiseWatermark(db, extent, now())))
        throw new ProcedureFault('not_found', 'it was deleted meanwhile, and its tokens with it');
      return extent;
    };
    // From here on nothing of it is active. What was being issued in that moment did not see the first watermark, but falls under the second.
    await raise();
    const extent = await raise();
    if (keys) await replaceRing(tools, true, randomUUID());
    const rotated = keys ? await concludeRotation(tools, { emergency: true, finished_earlier: false }) : undefined;
    const none = { marked: 0, finished: true };
    const sessions = extent.sessions ? await endSessions(db, extent, now(), until) : none;
    const families = sessions.finished ? await revokeFamilies(db, extent, now(), until) : { ...none, finished: false };
    const left = await countRevocable(db, extent, now());
    const { finished } = families;
    const unmarked = left.sessions === null || left.families === null ? null : left.sessions + left.families;
    if ((left.access_tokens ?? 0) > 0 || (finished && (unmarked ?? 0) > 0))
      throw new ProcedureFault('verification_failed', 'something of it is still active; run it again', false);
    count('oauth_token_revoked_total', families.marked + (access_tokens ?? 0));
    return {
      revoked_before: extent.before.toISOString(),
      ended_sessions: sessions.marked,
      revoked_families: families.marked,
      revoked_access_tokens: access_tokens,
      ...(rotated && { new_keys: rotated.keys.filter(({ state }) => state === 'active').map(({ kid }) => kid) }),
      finished,
      left: finished ? 0 : unmarked,
    };
  },
  describe: ({ revoked_before, ended_sessions, revoked_families, revoked_access_tokens, new_keys, finished, left }) =>
    `before ${revoked_before}: ${ended_sessions} sessions ended, ${revoked_families} families and ${revoked_access_tokens ?? 'uncounted'} access tokens revoked` +
    (new_keys ? `, keys replaced by ${new_keys.join(' and ')}` : '') +
    (finished ? '' : `; in force, ${left ?? 'uncounted'} rows left to mark`),
  next: ({ finished, revoked_before }) =>
    finished
      ? ['oauth2ctl status']
      : [
          `the same command with --issued-before ${revoked_before}: it marks the rows that are left, and ends nothing that came since`,
        ],
};
