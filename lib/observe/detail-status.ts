/** The state of a stage in detail: endpoints, functions and their last errors, concurrency, database, backups, keys, schedules, alarms. */

import { type FunctionProcedureName, type Procedure, procedureNames, procedures } from '../procedures.ts';
import { checkServer } from '../releases/check-server.ts';
import { answering, type ToolContext, type ToolProcedure } from '../releases/tool.ts';
import { listAlarms } from '../releases/verify.ts';
import { describeTrend, findTrend, type MeasuredBackup } from './backup-trend.ts';
import { readConcurrencyLimit, readFigures } from './figures.ts';
import { inspectFunctions, isFine } from './functions.ts';
import { nameOfGroup, shorten } from './log-lines.ts';
import { selectLogs } from './log-selection.ts';
import { readLogs } from './read-logs.ts';
import { withLogs } from './stage-clients.ts';

/** One line; a value that is not known is null, and `note` says why. */
export interface Detail {
  readonly what: string;
  readonly value: string | null;
  readonly note?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

const hour = 3_600_000;
const notHere = 'nothing measures it on this machine';

function ageOf(instant: string, now: number): string {
  const hours = (now - Date.parse(instant)) / hour;
  return hours < 1
    ? `${Math.max(Math.round(hours * 60), 0)} min`
    : hours < 48
      ? `${Math.round(hours)} h`
      : `${Math.round(hours / 24)} days`;
}

async function endpoints({ environment }: ToolContext, issuer: string): Promise<Detail[]> {
  const findings = await checkServer({ issuer, base: environment.OAUTH2_BASE_URL || undefined, tries: 1 });
  return findings
    .filter(({ name }) => name === 'health' || name === 'ready')
    .map(({ name, verdict, detail }) => ({ what: name, value: verdict === 'well' ? 'well' : 'NOT WELL', note: detail }));
}

async function functionsOf(context: ToolContext): Promise<Detail[]> {
  const states = await inspectFunctions(context);
  const broken = states.filter((one) => !isFine(one)).map(({ name, state, last_update }) => `${name} ${state}/${last_update}`);
  const value = `${states.length - broken.length} of ${states.length} active`;
  return [{ what: 'functions', value, ...(broken.length > 0 && { note: broken.join(', ') }) }];
}

async function lastErrors(context: ToolContext, now: number): Promise<Detail[]> {
  const { stage } = context;
  const window = { from: now - hour, to: now };
  const lines = await withLogs(context, (logs) => readLogs(logs, selectLogs(stage, { view: 'errors', functions: [] }), window));
  if (lines.length === 0) return [{ what: 'errors of the last hour', value: '0' }];
  const byName = Map.groupBy(lines, ({ group }) => nameOfGroup(stage, group));
  return [
    { what: 'errors of the last hour', value: String(lines.length) },
    ...[...byName].map(([name, own]): Detail => {
      const { json, message, time } = own.at(-1) as (typeof own)[0];
      const words = shorten(String(json?.detail ?? json?.error ?? json?.message ?? message), 160);
      return { what: `  ${name}`, value: String(own.length), note: `${new Date(time).toISOString()} ${words}` };
    }),
  ];
}

async function measured({ stage }: ToolContext, status: Values): Promise<Detail[]> {
  const { connections } = status.database;
  const open: Detail = connections
    ? {
        what: 'database connections',
        value: `${connections.total} of ${connections.max_connections}`,
        note: `${connections.active} active`,
      }
    : { what: 'database connections', value: null, note: 'the database cannot be reached' };
  const names = [
    'concurrency',
    'database processors',
    'database storage free',
    'database memory free',
    'proxy connections',
    'pinned sessions',
  ];
  if (stage === 'local') return [open, ...names.map((what) => ({ what, value: null, note: notHere }))];
  const [figures, limit] = await Promise.all([readFigures(stage), readConcurrencyLimit()]);
  const show = (what: string, name: string, unit: string, divisor = 1): Detail => {
    const value = figures[name];
    return value === undefined
      ? { what, value: null, note: 'CloudWatch has no figure of the last 15 minutes' }
      : { what, value: `${Number((value / divisor).toFixed(1))}${unit}` };
  };
  return [
    { ...show('concurrency', 'concurrency', ` of ${limit ?? '?'}`), note: 'sandboxes of the account at once' },
    open,
    show('database processors', 'database_cpu_percent', ' %'),
    show('database storage free', 'database_free_storage_bytes', ' GiB', 1024 ** 3),
    show('database memory free', 'database_free_memory_bytes', ' GiB', 1024 ** 3),
    show('proxy connections', 'proxy_borrowed', ' borrowed'),
    show('pinned sessions', 'proxy_pinned', ''),
  ];
}

/** The last one that was read back, whatever the last run came to. */
async function backupsOf(context: ToolContext, status: Values, now: number): Promise<Detail[]> {
  const answer = await context.call('list-backups', {}, 'status --detailed');
  if (answer.outcome !== 'succeeded') throw new Error(answer.error?.message ?? 'list-backups gave no answer');
  const { backups } = answer.result as { backups: (MeasuredBackup & { backup_id: string; verified_at: string })[] };
  const [newest] = backups;
  const run = (status.last_runs as Values[]).find(({ procedure }) => procedure === 'backup');
  const failed = run?.outcome === 'failed' ? `; the last run failed ${ageOf(run.at, now)} ago` : '';
  const trend = findTrend(backups);
  return [
    newest
      ? { what: 'last verified backup', value: `${ageOf(newest.verified_at, now)} ago`, note: `${newest.backup_id}${failed}` }
      : { what: 'last verified backup', value: null, note: `none yet${failed}` },
    ...(trend
      ? [
          {
            what: 'growth of backups',
            value: `${(trend.bytes_per_day / 1024 ** 2).toFixed(1)} MiB a day`,
            note: describeTrend(trend),
          },
        ]
      : []),
  ];
}

function agesOf(status: Values, now: number): Detail[] {
  const active = (status.signing.keys as Values[]).filter(({ state }) => state === 'active');
  return [
    ...active.map(
      ({ kid, alg, activated_at, created_at }): Detail => ({
        what: `signing key ${alg}`,
        value: ageOf(activated_at ?? created_at, now),
        note: kid,
      }),
    ),
  ];
}

/** The schedules of a procedure, by their names. */
function schedulesBy(name: FunctionProcedureName): string[] {
  const { schedule, further_schedules = [] }: Procedure = procedures[name];
  return schedule === undefined ? [] : [name, ...further_schedules.map((one) => `${name}-${one.name}`)];
}

/** Of those that change something the audit log knows, whoever else ran the same since. */
function auditedSchedule(name: FunctionProcedureName, schedule: string, status: Values, now: number): Detail {
  const what = `schedule ${schedule}`;
  const runs = status.scheduled_runs as readonly Values[] | undefined;
  if (runs === undefined) return { what, value: null, note: 'the release that is live does not tell it: it is of before' };
  const run = runs.find((one) => one.schedule === schedule);
  if (run) return { what, value: run.outcome, note: `${ageOf(run.at, now)} ago` };
  const other = (status.last_runs as Values[]).find((one) => one.procedure === name);
  const otherwise = other && runs.every((one) => one.procedure !== name);
  return { what, value: 'never', ...(otherwise && { note: `otherwise it ran ${ageOf(other.at, now)} ago: ${other.outcome}` }) };
}

/** Of those that change nothing their own log knows. */
async function schedulesOf(context: ToolContext, status: Values, now: number): Promise<Detail[]> {
  const { stage } = context;
  const scheduled = procedureNames.filter((name) => schedulesBy(name).length > 0);
  const unaudited = scheduled.filter((name) => !procedures[name].writes);
  const selection = selectLogs(stage, { view: undefined, functions: unaudited });
  const asked = { ...selection, patterns: () => ['{ $.message = "procedure" && $.actor = "schedule" }'] };
  const lines = await withLogs(context, (logs) => readLogs(logs, asked, { from: now - 2 * hour, to: now }));
  return scheduled.flatMap((name): Detail[] => {
    if (procedures[name].writes) return schedulesBy(name).map((schedule) => auditedSchedule(name, schedule, status, now));
    const what = `schedule ${name}`;
    const line = lines.findLast(({ group }) => nameOfGroup(stage, group) === name);
    if (!line) return [{ what, value: null, note: 'no run in its log of the last two hours' }];
    return [{ what, value: String(line.json?.outcome), note: `${ageOf(new Date(line.time).toISOString(), now)} ago` }];
  });
}

async function alarmsOf({ stage }: ToolContext): Promise<Detail[]> {
  if (stage === 'local') return [{ what: 'alarms', value: null, note: 'nothing watches a local instance' }];
  const alarms = await listAlarms(stage);
  const firing = alarms.filter(({ state }) => state === 'ALARM').map(({ name }) => name);
  return [
    { what: 'alarms', value: `${firing.length} of ${alarms.length} fire`, ...(firing.length > 0 && { note: firing.join(', ') }) },
  ];
}

/** What cannot be asked is told with its reason, and hinders nothing else. */
async function attempt(what: string, work: () => Promise<Detail[]>): Promise<Detail[]> {
  try {
    return await work();
  } catch (error) {
    return [{ what, value: null, note: (error as Error).message }];
  }
}

export const detailStatus: ToolProcedure = answering(async (context) => {
  const answer = await context.call('status', {}, 'status --detailed');
  if (answer.outcome !== 'succeeded') return answer;
  const status = answer.result as Values;
  const now = Date.now();
  const parts = await Promise.all([
    attempt('health', () => endpoints(context, status.issuer)),
    attempt('functions', () => functionsOf(context)),
    attempt('errors', () => lastErrors(context, now)),
    attempt('figures', () => measured(context, status)),
    attempt('last verified backup', () => backupsOf(context, status, now)),
    attempt('ages', async () => agesOf(status, now)),
    attempt('schedules', () => schedulesOf(context, status, now)),
    attempt('alarms', () => alarmsOf(context)),
  ]);
  return { ...answer, result: { ...status, details: parts.flat() } };
});
