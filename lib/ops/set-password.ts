/** Gives an account a new password, ends its sessions and revokes everything that was issued for it: whoever knew the one before has nothing left. */
import { countLiveTokens, revokeLiveTokens } from '../store/access-token-revocation.ts';
import { holdSignIns, readUserHoldings, setPassword as set, type UserHoldings } from '../store/user-administration.ts';
import { count } from '../telemetry.ts';
import { findNamedAccount, type PersonInput, personInput, unknownPerson } from './export-user.ts';
import { ProcedureFault } from './input.ts';
import { hashNew, newPassword } from './new-password.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { counted } from './wording.ts';

export interface SetPasswordInput extends PersonInput {
  readonly password: string;
}

export interface SetPassword {
  readonly subject: string;
  readonly username: string;
  readonly password_changed_at: string;
  readonly ended_sessions: number;
  readonly revoked_families: number;
  readonly revoked_access_tokens: number;
}

export const setPassword: ProcedureDefinition<
  Tools,
  SetPasswordInput,
  UserHoldings & { readonly access_tokens: number },
  SetPassword
> = {
  name: 'set-password',
  // The new password and the end of what the one before has opened, or neither.
  atomic: true,
  asks_reason: true,
  input: { ...personInput, password: newPassword },
  async look(tools, input) {
    const { db, now } = tools;
    const account = await findNamedAccount(tools, input);
    const holdings = account && (await readUserHoldings(db, account.subject, now()));
    if (!holdings) throw unknownPerson();
    return { ...holdings, access_tokens: await countLiveTokens(db, { subject: holdings.subject }, now()) };
  },
  plan: (_input, { username, disabled_at, sessions, families, access_tokens }) => ({
    steps: [
      `give the account "${username}" the new password`,
      ...(disabled_at ? [`leave it disabled, as it is since ${disabled_at.toISOString()}`] : []),
      `end ${counted(sessions, 'session')}`,
      `revoke ${counted(families, 'token family', 'token families')}, of offline access too`,
      `revoke ${counted(access_tokens, 'access token')}`,
    ],
  }),
  withoutNames: (input, facts) => [input, { ...facts, username: facts.subject }],
  async apply({ db, now }, { password }, { subject, username }) {
    const password_hash = await hashNew(password);
    const gone = () => new ProcedureFault('not_found', `the account ${subject} was deleted meanwhile`);
    if (!(await holdSignIns(db, subject))) throw gone();
    // After the last sign-in with the password before.
    const at = now();
    const ended = await set(db, subject, password_hash, at);
    if (!ended) throw gone();
    const revoked_access_tokens = await revokeLiveTokens(db, { subject }, at);
    count('oauth_token_revoked_total', ended.revoked_families + revoked_access_tokens);
    return { subject, username, password_changed_at: at.toISOString(), ...ended, revoked_access_tokens };
  },
  describe: ({ subject, ended_sessions, revoked_families, revoked_access_tokens }) =>
    `account ${subject}: a new password; ${ended_sessions} sessions ended, ${revoked_families} families and ` +
    `${revoked_access_tokens} access tokens revoked`,
  next: ({ subject }) => [
    'tell the person the new password, by a way that is theirs alone',
    `oauth2ctl events --since 1h --subject users/${subject}`,
  ],
};
