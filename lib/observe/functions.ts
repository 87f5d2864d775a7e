/** What Lambda says of every function of a stage, and what its log says of sandboxes that ended badly. */
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { functionName, procedureNames } from '../procedures.ts';
import type { ToolContext } from '../releases/tool.ts';
import { routeNames } from '../routes.ts';
import { nameOfGroup, shorten } from './log-lines.ts';
import { selectCrashes, selectLogs } from './log-selection.ts';
import { type LogLine, readLogs } from './read-logs.ts';
import { withLambda } from './stage-clients.ts';

export interface FunctionState {
  readonly name: string;
  /** `Missing` where Lambda has no such function. */
  readonly state: string;
  readonly last_update: string;
  readonly reason: string;
  readonly modified: string | null;
  readonly signing_secret: string | undefined;
}

export function isFine({ state, last_update }: FunctionState): boolean {
  // One that is idle for weeks is woken by its next invocation.
  return (state === 'Active' || state === 'Inactive') && last_update !== 'Failed';
}

/** One after the other, a few at a time: Lambda lets through 15 such calls a second. */
export async function inspectFunctions(context: ToolContext): Promise<FunctionState[]> {
  const { stage } = context;
  const names = [...routeNames, ...procedureNames];
  return withLambda(context, async (lambda) => {
    const { GetFunctionConfigurationCommand, ResourceNotFoundException } = await import('@aws-sdk/client-lambda');
    const look = async (name: string): Promise<FunctionState> => {
      const FunctionName = functionName(stage, name);
      try {
        const found = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName, Qualifier: 'live' }));
        return {
          name,
          state: found.State ?? 'Active',
          last_update: found.LastUpdateStatus ?? 'Successful',
          reason: [found.StateReason, found.LastUpdateStatusReason].filter(Boolean).join('; '),
          modified: found.LastModified ?? null,
          signing_secret: found.Environment?.Variables?.OAUTH2_SIGNING_SECRET,
        };
      } catch (error) {
        if (!(error instanceof ResourceNotFoundException)) throw error;
        const reason = 'there is no such function, or it has no alias "live"';
        return { name, state: 'Missing', last_update: '–', reason, modified: null, signing_secret: undefined };
      }
    };
    const found: FunctionState[] = [];
    const work = names.values();
    const worker = async () => {
      for (const name of work) found.push(await look(name));
    };
    await Promise.all(Array.from({ length: 4 }, worker));
    return found.sort((one, other) => names.indexOf(one.name as never) - names.indexOf(other.name as never));
  });
}

export interface Crash {
  readonly name: string;
  readonly kind: 'does not start' | 'runs out of time' | 'ends in mid-work';
  readonly times: number;
  readonly last: string;
  /** What it said last, or Lambda's own words. */
  readonly words: string;
}

function kindOf(message: string): Crash['kind'] {
  if (/Task timed out|Status: timeout/.test(message)) return 'runs out of time';
  return /INIT_REPORT|Phase: init|Runtime\.ImportModuleError|Runtime\.HandlerNotFound/.test(message)
    ? 'does not start'
    : 'ends in mid-work';
}

/** Functions whose last sandbox ended badly: one that has answered since is over it. */
export async function findCrashes(logs: CloudWatchLogsClient, stage: string, from: number): Promise<Crash[]> {
  const window = { from, to: Date.now() };
  const crashes = await readLogs(logs, selectCrashes(stage, []), window);
  const found: Crash[] = [];
  for (const [name, own] of Map.groupBy(crashes, ({ group }) => nameOfGroup(stage, group))) {
    const last = own.at(-1) as LogLine;
    const said = await readLogs(logs, selectLogs(stage, { view: undefined, functions: [name] }), window);
    if (said.some(({ time, json }) => time > last.time && (json?.message === 'request' || json?.message === 'procedure')))
      continue;
    const before = said.findLast((line) => line.stream === last.stream && line.id !== last.id && line.json === undefined);
    const words = shorten((before ?? last).message, 300).replaceAll('\t', ' ');
    found.push({ name, kind: kindOf(last.message), times: own.length, last: new Date(last.time).toISOString(), words });
  }
  return found;
}
