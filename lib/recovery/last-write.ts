/** Finds out from the logs when somebody may have ended something last: they are outside of the database, and outlive it. */
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { nameOfGroup } from '../observe/log-lines.ts';
import { selectLogs } from '../observe/log-selection.ts';
import { longestLookBackMs, readFirst, readLast } from '../observe/read-logs.ts';
import { withLogs } from '../observe/stage-clients.ts';
import { type Procedure, procedureNames, procedures } from '../procedures.ts';
import type { ToolContext } from '../releases/tool.ts';
import type { RouteName } from '../routes.ts';

/** Which requests may end a token, a sign-in or a client; of those for tokens only the ones where something came back that was used up. */
const ending = {
  token: '{ $.error = "invalid_grant" }',
  revoke: '{ $.message = "request" && $.status < 400 }',
  logout: '{ $.message = "request" && $.status < 400 }',
  login: '{ $.message = "request" && $.method = "POST" && $.status < 400 }',
  registration: '{ $.message = "request" && $.method != "GET" && $.status < 400 }',
} as const satisfies { readonly [name in RouteName]?: string };
/** Procedures that a restore itself calls, or that only add or let in: none of them ends what a backup holds as good. */
const harmless = new Set([
  'backup',
  'restore-step',
  'restore-drill',
  'discard-restored',
  'migrate',
  'create-signing-keys',
  'create-client',
  'create-user',
  'export-user',
  'verify-administrator',
  'record-incident',
  'record-move',
  'record-destroy',
  'record-act',
  'maintenance',
  'unblock',
  'purge-expired',
  'mend-database',
]);

/** What was done by somebody; what a schedule does ends nothing. */
const done = '{ $.message = "procedure" && $.outcome = "succeeded" && $.actor != "schedule" }';

/** A procedure that runs every few minutes, so that its first line tells since when there are logs. */
const steady = 'publish-gauges';

/** Since when the logs of the stage have everything: in another account, they begin with its first deploy. */
async function findBeginning(logs: CloudWatchLogsClient, stage: string, now: number): Promise<number> {
  const { groups } = selectLogs(stage, { view: undefined, functions: [steady] });
  const first = await readFirst(logs, groups[0] ?? '');
  return Math.max(first?.time ?? now, now - longestLookBackMs);
}

/** @returns an instant after which the logs, which reach back to it, know of no such thing */
export async function findLastWrite(context: ToolContext): Promise<Date> {
  const { stage } = context;
  const writing = procedureNames.filter((name) => (procedures[name] as Procedure).writes && !harmless.has(name));
  const selection = selectLogs(stage, { view: undefined, functions: [...Object.keys(ending), ...writing] });
  const patternOf = (name: string) => (Object.hasOwn(ending, name) ? ending[name as keyof typeof ending] : done);
  const asked = { ...selection, patterns: (group: string) => [patternOf(nameOfGroup(stage, group))] };
  const now = Date.now();
  return withLogs(context, async (logs) => {
    const [last] = await readLast(logs, asked, 1, now);
    return new Date(last?.time ?? (await findBeginning(logs, stage, now)));
  });
}
