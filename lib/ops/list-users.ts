/** Lists the end-user accounts, oldest first, a page at a time. */
import { listUsers as findUsers, type ListedUser } from '../store/user-administration.ts';
import { matching, wholeNumber } from './input.ts';
import type { ListInput } from './list-clients.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface UserPage {
  readonly users: readonly ListedUser[];
  /** Give it as `after` to go on; absent on the last page. */
  readonly next_after?: string;
}

export const listUsers: ProcedureDefinition<Tools, ListInput, null, UserPage> = {
  name: 'list-users',
  input: {
    limit: wholeNumber(1, 500),
    after: matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'the subject of an account (a lower-case UUID)'),
  },
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply({ db }, { limit = 100, after }) {
    const found = await findUsers(db, limit + 1, after ?? null);
    const users = found.slice(0, limit);
    const last = users.at(-1);
    return { users, ...(found.length > limit && last && { next_after: last.subject }) };
  },
};
