/** The log table: which logs a stage has, and what is asked of them again and again, by the tool and as saved queries alike. */
import { functionName, procedureNames } from './procedures.ts';
import { routeNames } from './routes.ts';
import { instanceName } from './stages.ts';

export type Logs = 'requests' | 'procedures' | 'access' | 'database';

/** The name by which CloudWatch Logs knows each log of a stage. */
export const logGroups = {
  function: (stage: string, name: string): string => `/aws/lambda/${functionName(stage, name)}`,
  access: (stage: string): string => `/aws/vendedlogs/oauth2-${stage}-access`,
  database: (stage: string): string => `/aws/rds/instance/${instanceName(stage)}/postgresql`,
};

export function groupsOf(stage: string, logs: Logs): string[] {
  if (logs === 'access') return [logGroups.access(stage)];
  if (logs === 'database') return [logGroups.database(stage)];
  return (logs === 'requests' ? routeNames : procedureNames).map((name) => logGroups.function(stage, name));
}

/** One of these makes a line match. Names of fields are those of the JSON lines. */
export type Condition =
  | { readonly field: string; readonly is: readonly (string | number)[] }
  | { readonly field: string; readonly at_least: number }
  | { readonly text: readonly string[] };

export interface LogQuery {
  readonly purpose: string;
  /** What matches, in each of the logs that are asked. */
  readonly any: { readonly [name in Logs]?: readonly Condition[] };
  readonly fields: string;
  /** What the counts are by. */
  readonly counted_by: string;
}

/** What Lambda itself writes about a sandbox that did not load, ran out of time or ended. */
export const crashMarks = ['Task timed out', 'Runtime exited', 'Status: error', 'Status: timeout'] as const;

const failing: readonly Condition[] = [
  { field: 'status', at_least: 500 },
  { field: 'level', is: ['error'] },
  { text: ['ERROR', ...crashMarks] },
];
const slow: readonly Condition[] = [{ field: 'message', is: ['slow query'] }];

export const logQueries = {
  errors: {
    purpose: 'Answers of 5xx, lines of level error, sandboxes that crashed',
    any: { requests: failing, procedures: failing },
    fields: '@timestamp, route, procedure, status, error, detail, client_id, request_id',
    counted_by: 'route, procedure, status, error',
  },
  'auth-failures': {
    purpose: 'Requests that were answered 401 or 403',
    any: { requests: [{ field: 'status', is: [401, 403] }] },
    fields: '@timestamp, route, status, error, detail, client_id, request_id',
    counted_by: 'route, status, client_id, error',
  },
  'slow-queries': {
    purpose: 'Statements that took long, as the functions saw them and as Postgres did',
    any: { requests: slow, procedures: slow, database: [{ text: ['duration:'] }] },
    fields: '@timestamp, question, duration_ms, @message',
    counted_by: 'question',
  },
} as const satisfies Record<string, LogQuery>;

export type LogQueryName = keyof typeof logQueries;

export const logQueryNames = Object.keys(logQueries) as LogQueryName[];

type Fields = Readonly<Record<string, unknown>>;

/** Whether one line matches. @param json the line's fields, where it is JSON */
export function matchesAny(conditions: readonly Condition[], message: string, json: Fields | undefined): boolean {
  return conditions.some((one) => {
    if ('text' in one) return json === undefined && one.text.some((text) => message.includes(text));
    const value = json?.[one.field];
    if (value === undefined) return false;
    return 'is' in one ? (one.is as readonly unknown[]).includes(value) : Number(value) >= one.at_least;
  });
}

/** The same as filter patterns of CloudWatch Logs, where fields and words cannot stand in one. */
export function filterPatterns(conditions: readonly Condition[]): string[] {
  const fields = conditions.flatMap((one) => {
    if ('text' in one) return [];
    if ('at_least' in one) return [`($.${one.field} >= ${one.at_least})`];
    return one.is.map((value) => `($.${one.field} = ${JSON.stringify(value)})`);
  });
  const words = conditions.flatMap((one) => ('text' in one ? one.text.map((text) => `?${JSON.stringify(text)}`) : []));
  return [...(fields.length > 0 ? [`{ ${fields.join(' || ')} }`] : []), ...(words.length > 0 ? [words.join(' ')] : [])];
}

/** The same as a filter of Logs Insights. */
export function insightsFilter(conditions: readonly Condition[]): string {
  const clauses = conditions.map((one) => {
    if ('text' in one) return `@message like /${one.text.join('|')}/`;
    if ('at_least' in one) return `${one.field} >= ${one.at_least}`;
    return `${one.field} in ${JSON.stringify(one.is)}`;
  });
  return `filter ${clauses.join(' or ')}`;
}
