/** Compares a time with the one before it, lines it up with what happened, asks what the server stands on, and says what to do first. */
import { ask } from '../releases/check-server.ts';
import { answering, type ToolContext, type ToolProcedure } from '../releases/tool.ts';
import { findIssuer } from '../releases/verify.ts';
import type { Circumstances, Dependency } from './circumstances.ts';
import { readThrottles } from './figures.ts';
import { type Crash, findCrashes } from './functions.ts';
import { readHappenings } from './happenings.ts';
import { shorten } from './log-lines.ts';
import { selectLogs } from './log-selection.ts';
import { type Figures, figuresOfWindow, type MeasuredWindow } from './measured.ts';
import { readDatabasePercents, readWindow } from './metrics.ts';
import { readLogs, type Window } from './read-logs.ts';
import { withLogs } from './stage-clients.ts';
import { findSuspects } from './suspects.ts';
import { addUnanswered, compareRoutes, findSymptoms, type RouteChange, type Symptom } from './symptoms.ts';

type Database = Circumstances['database'];

/** `/ready` names what the server stands on; `/events/health` is there where events are. */
async function readDependencies({ environment }: ToolContext, issuer: string): Promise<Dependency[]> {
  const base = (environment.OAUTH2_BASE_URL || issuer).replace(/\/$/, '');
  try {
    const { status, json } = await ask(`${base}/ready`);
    if (json?.checks === undefined) return [{ name: 'answers', verdict: 'not well', detail: `/ready answers ${status}` }];
    const checks = Object.entries(json.checks as Record<string, string>).map(
      ([name, said]): Dependency => ({
        name: name as Dependency['name'],
        verdict: said === 'ok' || said === 'unknown' ? 'well' : 'not well',
        detail: `/ready says: ${name} ${said}`,
      }),
    );
    const maintenance: Dependency = {
      name: 'maintenance',
      verdict: 'not well',
      detail: '/ready says that it is: writes are answered 503',
    };
    return [...checks, ...(json.status === 'maintenance' ? [maintenance] : []), await readEvents(base)];
  } catch (error) {
    const { message, cause } = error as Error;
    return [{ name: 'answers', verdict: 'not well', detail: cause instanceof Error ? `${message}: ${cause.message}` : message }];
  }
}

async function readEvents(base: string): Promise<Dependency> {
  const { status, json } = await ask(`${base}/events/health`);
  if (status === 404 || json?.enabled === false)
    return { name: 'events', verdict: 'not enabled', detail: 'events are not enabled' };
  return { name: 'events', verdict: status === 200 ? 'well' : 'not well', detail: `/events/health answers ${status}` };
}

/** What the log says most often of what failed. */
async function readErrors(context: ToolContext, window: Window): Promise<{ what: string; times: number }[]> {
  const lines = await withLogs(context, (logs) =>
    readLogs(logs, selectLogs(context.stage, { view: 'errors', functions: [] }), window),
  );
  const words = lines.map(({ json, message }) => {
    const said =
      json === undefined
        ? message
        : [json.route ?? json.procedure, json.status, json.error, json.detail].filter(Boolean).join(' ');
    return shorten(said, 160);
  });
  return [...Map.groupBy(words, (what) => what)]
    .map(([what, { length }]) => ({ what, times: length }))
    .sort((one, other) => other.times - one.times)
    .slice(0, 5);
}

async function readDatabase(
  context: ToolContext,
  symptoms: readonly Symptom[],
): Promise<Omit<Database, 'p95_ms' | 'p95_before_ms'>> {
  const hurts = symptoms.some(({ symptom }) => symptom === 'requests fail' || symptom === 'requests are slow');
  const percents = await readDatabasePercents(context);
  const report = hurts ? await context.call('database-report', {}, 'diagnose') : undefined;
  const { findings = [] } = (report?.outcome === 'succeeded' ? report.result : {}) as { findings?: Database['findings'] };
  return {
    cpu_percent: percents.database_cpu_percent ?? null,
    memory_percent: percents.database_memory_percent ?? null,
    findings,
  };
}

interface Compared {
  readonly now: Figures | null;
  readonly before: Figures | null;
  readonly symptoms: readonly Symptom[];
  readonly routes: readonly RouteChange[];
  readonly acts: MeasuredWindow['acts'];
  /** Whether older acts were left out. */
  readonly shortened: boolean;
  readonly memory_high: Circumstances['memory_high'];
  /** Why something is missing from it. */
  readonly notes: readonly string[];
  /** Why there is nothing to compare. */
  readonly trouble?: string;
}

/** Without the database there is nothing measured to read; that is then what is wrong. */
async function compare(context: ToolContext, since: number, now: number): Promise<Compared> {
  const nothing = { now: null, before: null, symptoms: [], routes: [], acts: [], memory_high: [], shortened: false, notes: [] };
  const start = Math.floor(since / 60_000) * 60_000;
  try {
    const [recent, former] = [
      await readWindow(context, start, now, 'diagnose', true),
      await readWindow(context, start - (now - start), start, 'diagnose', true),
    ];
    if (!recent.window || !former.window)
      return { ...nothing, trouble: (recent.refused.error ?? former.refused.error)?.message ?? 'no reason was given' };
    return {
      now: figuresOfWindow(recent.window),
      before: figuresOfWindow(former.window),
      symptoms: findSymptoms(recent.window, former.window),
      routes: compareRoutes(recent.window, former.window),
      acts: [...former.window.acts, ...recent.window.acts],
      shortened: former.window.shortened || recent.window.shortened,
      memory_high: recent.window.sums.flatMap(({ name, route, value }) =>
        name === 'function_memory_high_total' ? [{ name: route, minutes: value }] : [],
      ),
      notes: [...new Set([...former.notes, ...recent.notes])],
    };
  } catch (error) {
    return { ...nothing, trouble: (error as Error).message };
  }
}

/** Routes by how often they answered a class of status, as far as that is more than before. */
function most(routes: readonly RouteChange[], statusClass: string): { route: string; requests: number }[] {
  const own = routes.filter(({ status }) => status.startsWith(statusClass));
  return [...Map.groupBy(own, ({ route }) => route)]
    .map(([route, rows]) => ({ route, requests: rows.reduce((sum, one) => sum + one.requests - one.requests_before, 0) }))
    .filter(({ requests }) => requests > 0)
    .sort((one, other) => other.requests - one.requests);
}

export const diagnose: ToolProcedure = answering(async (context, { input }) => {
  const { stage } = context;
  const since = input.since as number;
  const now = Date.now();
  const [issuer, compared] = [await findIssuer(context), await compare(context, since, now)];
  const window = { from: since - (now - since), to: now };
  const { routes, trouble, memory_high } = compared;
  const [crashes, throttled] = await Promise.all([
    withLogs(context, (logs): Promise<Crash[]> => findCrashes(logs, stage, since)),
    readThrottles(stage, since, now),
  ]);
  const symptoms = addUnanswered(compared.symptoms, crashes, throttled);
  const fails = symptoms.some(({ symptom }) => symptom === 'requests fail');
  const [asked, { happenings, notes }, database, errors] = await Promise.all([
    readDependencies(context, issuer),
    readHappenings(context, window, compared.acts),
    readDatabase(context, symptoms),
    fails ? readErrors(context, { from: since, to: now }) : [],
  ]);
  const away = asked.some(({ name, verdict }) => name === 'database' && verdict === 'not well');
  const unread: Dependency[] =
    trouble === undefined || away
      ? []
      : [{ name: 'metrics', verdict: 'not well', detail: `what was measured cannot be read: ${trouble}` }];
  const dependencies = [...asked, ...unread];
  const suspects = findSuspects({
    stage,
    symptoms,
    happenings,
    dependencies,
    failing: most(routes, '5'),
    refusing: most(routes, '4'),
    crashes,
    throttled,
    memory_high,
    database: { ...database, p95_ms: compared.now?.db_p95_ms ?? null, p95_before_ms: compared.before?.db_p95_ms ?? null },
  });
  return {
    outcome: 'succeeded',
    plan: { steps: [] },
    result: {
      stage,
      issuer,
      since: new Date(since).toISOString(),
      compared_with: new Date(window.from).toISOString(),
      now: compared.now,
      before: compared.before,
      well: symptoms.length === 0 && suspects.length === 0,
      symptoms,
      routes: routes.slice(0, 20),
      errors,
      happenings,
      dependencies,
      suspects,
      notes: [
        ...compared.notes,
        ...notes,
        ...(trouble === undefined ? [] : [`what was measured cannot be read: ${trouble}`]),
        ...(compared.shortened ? ['of the audit log only the newest entries were looked at; oauth2ctl audit-log has all'] : []),
      ],
    },
  };
});
