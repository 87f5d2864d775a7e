/** Disables an end-user account, ends its sessions and revokes everything that was issued for it. */
import { countLiveTokens, revokeLiveTokens } from '../store/access-token-revocation.ts';
import { disableUser as disable, findUserHoldings, type UserHoldings } from '../store/user-administration.ts';
import { count } from '../telemetry.ts';
import { text } from './input.ts';
import { noAccount } from './no-account.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { tellMarking } from './tell-marking.ts';
import { counted } from './wording.ts';

export interface DisableUserInput {
  readonly username: string;
}

export interface DisabledUser {
  readonly subject: string;
  readonly username: string;
  readonly disabled_at: string;
  readonly ended_sessions: number;
  readonly revoked_families: number;
  readonly revoked_access_tokens: number;
}

export const disableUser: ProcedureDefinition<Tools, DisableUserInput, UserHoldings & { access_tokens: number }, DisabledUser> = {
  name: 'disable-user',
  asks_reason: true,
  input: { username: text(200, { required: true }) },
  async look({ db, now }, { username }) {
    const holdings = await findUserHoldings(db, username.normalize('NFC'), now());
    if (!holdings) throw noAccount(username);
    return { ...holdings, access_tokens: await countLiveTokens(db, { subject: holdings.subject }, now()) };
  },
  plan: (_input, { username, disabled_at, sessions, families, access_tokens }) => ({
    steps: [
      disabled_at
        ? `leave the account "${username}" disabled, as it is since ${disabled_at.toISOString()}`
        : `disable the account "${username}"`,
      `end ${counted(sessions, 'session')}`,
      `revoke ${counted(families, 'token family', 'token families')}`,
      `revoke ${counted(access_tokens, 'access token')}`,
    ],
  }),
  withoutNames: (input, facts) => [input, { ...facts, username: facts.subject }],
  async apply({ db, now }, _input, { subject, username }) {
    const at = now();
    // First the one statement after which nothing of the account is active, then the rows that may be many.
    const done = await disable(db, subject, at, tellMarking());
    if (!done) throw noAccount(username);
    const revoked_access_tokens = await revokeLiveTokens(db, { subject }, at);
    count('oauth_token_revoked_total', done.revoked_families + revoked_access_tokens);
    return { subject, username, ...done, disabled_at: done.disabled_at.toISOString(), revoked_access_tokens };
  },
  describe: (result) =>
    `account ${result.subject}: ${result.ended_sessions} sessions ended, ${result.revoked_families} families and ` +
    `${result.revoked_access_tokens} access tokens revoked`,
  next: ({ subject }) => [`oauth2ctl events --since 1h --subject users/${subject}`, 'oauth2ctl list-users'],
};
