/** Decides which lines of which logs are wanted: by view, by function, by release, by sandboxes that crashed. */
import {
  type Condition,
  crashMarks,
  filterPatterns,
  groupsOf,
  type LogQuery,
  type LogQueryName,
  type Logs,
  logGroups,
  logQueries,
  matchesAny,
} from '../log-queries.ts';
import { procedureNames } from '../procedures.ts';
import { ReleaseFault } from '../releases/fault.ts';
import type { Release } from '../releases/record.ts';
import { routeNames } from '../routes.ts';
import { isNoise, nameOfGroup, versionOfStream } from './log-lines.ts';
import type { LogLine, Selection } from './read-logs.ts';

export interface Wanted {
  readonly view: LogQueryName | undefined;
  /** Names of the tables, and `access` and `database`; none: every function. */
  readonly functions: readonly string[];
  readonly release?: Release | undefined;
  /** Everything, metrics too. */
  readonly whole?: boolean;
}

const allNames: readonly string[] = [...routeNames, ...procedureNames, 'access', 'database'];

function groupOf(stage: string, name: string): string {
  if (!allNames.includes(name))
    throw new ReleaseFault('unknown_function', `there is no function "${name}"; there are ${allNames.join(', ')}`);
  if (name === 'access') return logGroups.access(stage);
  return name === 'database' ? logGroups.database(stage) : logGroups.function(stage, name);
}

/** Which conditions a view has for each of its groups. */
function conditionsOf(stage: string, view: LogQueryName): Map<string, readonly Condition[]> {
  const { any }: LogQuery = logQueries[view];
  const entries = Object.entries(any) as [Logs, readonly Condition[]][];
  return new Map(entries.flatMap(([logs, conditions]) => groupsOf(stage, logs).map((group) => [group, conditions] as const)));
}

function isOfRelease(stage: string, { functions }: Release, { group, stream }: LogLine): boolean {
  const version = functions[nameOfGroup(stage, group)];
  return version !== undefined && versionOfStream(stream) === version;
}

/** @throws {ReleaseFault} for a function that there is not */
export function selectLogs(stage: string, { view, functions, release, whole }: Wanted): Selection {
  const chosen = functions.map((name) => groupOf(stage, name));
  const conditions = view && conditionsOf(stage, view);
  const every = conditions ? [...conditions.keys()] : [...groupsOf(stage, 'requests'), ...groupsOf(stage, 'procedures')];
  // An answer of no line would be taken for quiet.
  for (const group of chosen)
    if (conditions && !conditions.has(group))
      throw new ReleaseFault(
        'not_in_view',
        `${view} does not look at the log of ${nameOfGroup(stage, group)}: oauth2ctl logs --function ${nameOfGroup(stage, group)} shows all of it`,
      );
  return {
    groups: chosen.length === 0 ? every : chosen,
    patterns: (group) => filterPatterns(conditions?.get(group) ?? []),
    keep: (line) => {
      if (release && !isOfRelease(stage, release, line)) return false;
      if (conditions) return matchesAny(conditions.get(line.group) ?? [], line.message, line.json);
      return whole === true || !isNoise(line);
    },
  };
}

/** Lambda's own lines about sandboxes that ended badly. */
export function selectCrashes(stage: string, functions: readonly string[]): Selection {
  const { groups } = selectLogs(stage, { view: undefined, functions });
  const conditions: readonly Condition[] = [{ text: crashMarks }];
  return {
    groups,
    patterns: () => filterPatterns(conditions),
    keep: ({ message, json }) => matchesAny(conditions, message, json),
  };
}
