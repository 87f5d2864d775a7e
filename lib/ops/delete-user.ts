/** Deletes an account and what is stored of the person (GDPR, article 17); what was issued for it ends with it. */
import { countLiveTokens, revokeLiveTokens } from '../store/access-token-revocation.ts';
import { type Account, deleteAccount, findDeletion } from '../store/personal-data.ts';
import { disableUser } from '../store/user-administration.ts';
import { count } from '../telemetry.ts';
import { findNamedAccount, type PersonInput, personInput, unknownPerson } from './export-user.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { counted } from './wording.ts';

export interface DeletedUser {
  readonly subject: string;
  readonly deleted_at: string;
  readonly ended_sessions: number;
  readonly revoked_families: number;
  readonly revoked_access_tokens: number;
}

/** An account, or the subject of one that is gone. */
type Person = (Account & { readonly access_tokens: number }) | { readonly subject: string; readonly deleted_at: Date };

const goneSince = (subject: string, at: Date): DeletedUser => ({
  subject,
  deleted_at: at.toISOString(),
  ended_sessions: 0,
  revoked_families: 0,
  revoked_access_tokens: 0,
});

/** The name of somebody who was deleted is nowhere any more, so that only the subject finds when that was. */
async function lookUpDeletion({ db }: Tools, { username }: PersonInput): Promise<Person> {
  const deleted_at = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(username) ? await findDeletion(db, username) : undefined;
  if (deleted_at === undefined) throw unknownPerson();
  return { subject: username.toLowerCase(), deleted_at };
}

export const deleteUser: ProcedureDefinition<Tools, PersonInput, Person, DeletedUser> = {
  name: 'delete-user',
  // Nothing of it is done, or all, with its audit entry: half an erasure would have to be noticed by somebody.
  atomic: true,
  asks_reason: true,
  input: personInput,
  async look(tools, input) {
    const account = await findNamedAccount(tools, input);
    if (!account) return lookUpDeletion(tools, input);
    return { ...account, access_tokens: await countLiveTokens(tools.db, { subject: account.subject }, tools.now()) };
  },
  // Plans are kept in the audit log: they say the subject, which tells nothing of a person that is gone.
  plan: (_input, person) => ({
    steps:
      'deleted_at' in person
        ? [`leave everything as it is: the account ${person.subject} was deleted at ${person.deleted_at.toISOString()}`]
        : [
            `end every session and token of the account ${person.subject}, of ${person.created_at.toISOString().slice(0, 10)} (${counted(person.access_tokens, 'access token')})`,
            'delete it for good, with its sessions, devices, consents and blocks',
          ],
  }),
  async apply({ db, now }, _input, person) {
    const { subject } = person;
    if ('deleted_at' in person) return goneSince(subject, person.deleted_at);
    const at = now();
    const ended = await disableUser(db, subject, at);
    // Another run was first, and has committed.
    if (!ended) return goneSince(subject, (await findDeletion(db, subject)) ?? at);
    const { ended_sessions, revoked_families } = ended;
    const revoked_access_tokens = await revokeLiveTokens(db, { subject }, at);
    await deleteAccount(db, subject, at);
    count('oauth_token_revoked_total', revoked_families + revoked_access_tokens);
    return { subject, deleted_at: at.toISOString(), ended_sessions, revoked_families, revoked_access_tokens };
  },
  describe: ({ subject, deleted_at, ended_sessions, revoked_families, revoked_access_tokens }) =>
    // The subject comes first: by it the entry is found again.
    `${subject} deleted at ${deleted_at}: ${ended_sessions} sessions ended, ${revoked_families} families and ${revoked_access_tokens} access tokens revoked`,
  next: () => ['logs and backups keep what they have until they expire: tell the person when', 'oauth2ctl list-users'],
};
