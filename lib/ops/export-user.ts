/** Hands out everything that is stored of a person, to answer a request for it (GDPR, article 15). */
import { type Account, findAccount, mostRows, readPersonalData } from '../store/personal-data.ts';
import { ProcedureFault, text } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface PersonInput {
  /** Its subject will do too. */
  readonly username: string;
}

export interface ExportedUser {
  readonly account: Readonly<Record<string, unknown>>;
  /** Lists of which only the newest rows are here. */
  readonly shortened: readonly string[];
  readonly [list: string]: unknown;
}

export const personInput = { username: text(200, { required: true }) };

export const findNamedAccount = ({ db }: Tools, { username }: PersonInput): Promise<Account | undefined> =>
  findAccount(db, username.normalize('NFC'));

// The name is not repeated: this line goes into logs, which outlive the account.
export const unknownPerson = () =>
  new ProcedureFault('not_found', 'there is no account of that name or subject; list-users shows those that there are');

const since = ({ subject, created_at }: Account) => `the account ${subject}, of ${created_at.toISOString().slice(0, 10)}`;

/** It changes nothing, and is on record all the same: who was given somebody's data, by whom, and why. */
export const exportUser: ProcedureDefinition<Tools, PersonInput, Account, ExportedUser> = {
  name: 'export-user',
  asks_reason: true,
  atomic: true,
  input: personInput,
  async look(tools, input) {
    const account = await findNamedAccount(tools, input);
    if (!account) throw unknownPerson();
    return account;
  },
  plan: (_input, account) => ({
    steps: [`hand out everything that is stored of ${since(account)}, without digests`, 'keep on record that it was handed out'],
  }),
  async apply(tools, _input, { subject }) {
    const found = await readPersonalData(tools.db, subject);
    if (!found) throw new ProcedureFault('not_found', `the account ${subject} was deleted meanwhile`);
    const { account, lists } = found;
    const shortened = Object.keys(lists).filter((name) => (lists[name]?.length ?? 0) > mostRows);
    const shown = Object.entries(lists).map(([name, rows]) => [name, rows.slice(0, mostRows)]);
    return { account, ...Object.fromEntries(shown), shortened };
  },
  describe: ({ account }) => `the data of the account ${account.subject}`,
};
