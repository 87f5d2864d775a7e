/** Finds out from the logs when somebody may have ended something last: they are outside of the database, and outlive it. */

import { selectLogs } from '../observe/log-selection.ts';
import { readLast } from '../observe/read-logs.ts';
import { withLogs } from '../observe/stage-clients.ts';
import { type Procedure, procedureNames, procedures } from '../procedures.ts';
import type { ToolContext } from '../releases/tool.ts';

/** Endpoints whose requests may end a token, a sign-in, a client or an account. */
const ending = ['token', 'revoke', 'logout', 'login', 'registration'];
/** Procedures that a restore itself calls, or that only read what is there: none of them ends what a backup holds as good. */
const harmless = new Set([
  'backup',
  'restore-step',
  'restore-drill',
  'discard-restored',
  'migrate',
  'create-signing-keys',
  'maintenance',
  'purge-expired',
]);

/** @returns an instant after which the logs know of no such thing; that of the beginning where they know of none at all */
export async function findLastWrite(context: ToolContext): Promise<Date> {
  const procedures_ = procedureNames.filter((name) => (procedures[name] as Procedure).writes && !harmless.has(name));
  const selection = selectLogs(context.stage, { view: undefined, functions: [...ending, ...procedures_] });
  const asked = {
    ...selection,
    patterns: () => [
      '{ $.message = "request" && $.status < 400 }',
      '{ $.message = "procedure" && $.outcome = "succeeded" }',
      '{ $.error = "invalid_grant" }',
    ],
  };
  const [last] = await withLogs(context, (logs) => readLast(logs, asked, 1, Date.now()));
  return new Date(last?.time ?? 0);
}
