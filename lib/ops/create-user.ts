/** Creates an end-user account with a password. */
import { findUserHoldings, insertUser } from '../store/user-administration.ts';
import { matching, ProcedureFault } from './input.ts';
import { hashNew, newPassword } from './new-password.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface CreateUserInput {
  readonly username: string;
  readonly email?: string;
  readonly password: string;
}

export interface CreatedUser {
  readonly subject: string;
  readonly username: string;
  readonly email: string | null;
  readonly created_at: string;
}

const taken = (username: string) =>
  new ProcedureFault(
    'conflict',
    `the username "${username}" is taken (upper and lower case are not told apart); choose another`,
    true,
    'the username is taken',
  );

export const createUser: ProcedureDefinition<Tools, CreateUserInput, { exists: boolean }, CreatedUser> = {
  name: 'create-user',
  atomic: true,
  asks_reason: true,
  input: {
    username: {
      ...matching(/^\S(.{0,198}\S)?$/u, 'a text of 1 to 200 characters that neither begins nor ends with a space', {
        required: true,
      }),
      personal: true,
    },
    email: { ...matching(/^(?=.{3,254}$)[^\s@]+@[^\s@]+$/u, 'an email address of at most 254 characters'), personal: true },
    password: newPassword,
  },
  async look({ db, now }, { username }) {
    return { exists: (await findUserHoldings(db, username.normalize('NFC'), now())) !== undefined };
  },
  plan({ username, email }, { exists }) {
    if (exists) throw taken(username);
    return { steps: [`create the account "${username}"${email === undefined ? '' : ` with the email address ${email}`}`] };
  },
  withoutNames: ({ email, ...input }, facts) => [{ ...input, username: '…', ...(email !== undefined && { email: '…' }) }, facts],
  async apply({ db, now }, { username, email, password }) {
    const at = now();
    const account = { username: username.normalize('NFC'), email: email ?? null };
    const subject = await insertUser(db, { ...account, password_hash: await hashNew(password) }, at);
    if (subject === undefined) throw taken(username);
    return { subject, ...account, created_at: at.toISOString() };
  },
  describe: ({ subject }) => `account ${subject}`,
  next: () => ['oauth2ctl list-users'],
};
