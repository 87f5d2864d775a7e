/** Deletes an account and what is stored of the person (GDPR, article 17); what was issued for it ends first. */
import { countLiveTokens, revokeLiveTokens } from '../store/access-token-revocation.ts';
import { type Account, deleteAccount } from '../store/personal-data.ts';
import { disableUser } from '../store/user-administration.ts';
import { count } from '../telemetry.ts';
import { lookUpAccount, type PersonInput, personInput } from './export-user.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { counted } from './wording.ts';

export interface DeletedUser {
  readonly subject: string;
  readonly deleted_at: string;
  readonly ended_sessions: number;
  readonly revoked_families: number;
  readonly revoked_access_tokens: number;
}

export const deleteUser: ProcedureDefinition<Tools, PersonInput, Account & { access_tokens: number }, DeletedUser> = {
  name: 'delete-user',
  asks_reason: true,
  input: personInput,
  async look(tools, input) {
    const account = await lookUpAccount(tools, input);
    return { ...account, access_tokens: await countLiveTokens(tools.db, { subject: account.subject }, tools.now()) };
  },
  // Plans are kept in the audit log: they say the subject, which tells nothing of a person that is gone.
  plan: (_input, { subject, created_at, access_tokens }) => ({
    steps: [
      `end every session and token of the account ${subject}, of ${created_at.toISOString().slice(0, 10)} (${counted(access_tokens, 'access token')})`,
      'delete it for good, with its sessions, devices and consents',
    ],
  }),
  async apply({ db, now }, _input, { subject }) {
    const at = now();
    // Whoever is cut off in between has an account that is disabled, and runs it again.
    const ended = await disableUser(db, subject, at);
    const revoked_access_tokens = await revokeLiveTokens(db, { subject }, at);
    await deleteAccount(db, subject, at);
    const { ended_sessions = 0, revoked_families = 0 } = ended ?? {};
    count('oauth_token_revoked_total', revoked_families + revoked_access_tokens);
    return { subject, deleted_at: at.toISOString(), ended_sessions, revoked_families, revoked_access_tokens };
  },
  describe: ({ subject, ended_sessions, revoked_families, revoked_access_tokens }) =>
    `the account ${subject}: ${ended_sessions} sessions ended, ${revoked_families} families and ${revoked_access_tokens} access tokens revoked`,
  next: () => ['logs and backups keep what they have until they expire: tell the person when', 'oauth2ctl list-users'],
};
