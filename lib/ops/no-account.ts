/** Says that there is no such account: to who asked with the name that was given, to logs without it, as it may be of somebody who was deleted. */
import { ProcedureFault } from './input.ts';

export const noAccount = (username: string) =>
  new ProcedureFault(
    'not_found',
    `there is no account "${username}"; list-users shows those that there are`,
    true,
    'there is no account of the name that was given',
  );
