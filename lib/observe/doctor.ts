/** Examines a stage that does not start or does not answer, and names causes rather than symptoms, each with what mends it. */
import { readStage } from '../infra/read-stage.ts';
import { checkQuotas } from '../releases/account-checks.ts';
import { ask } from '../releases/check-server.ts';
import { answering, type ToolContext, type ToolProcedure } from '../releases/tool.ts';
import { findIssuer } from '../releases/verify.ts';
import { type Route, routeNames, routes } from '../routes.ts';
import { checkPresented } from './certificate.ts';
import { findDatabaseCause, findSecretCause } from './dependencies.ts';
import { type Crash, type FunctionState, findCrashes, inspectFunctions, isFine } from './functions.ts';
import { withLogs } from './stage-clients.ts';

export interface Cause {
  readonly cause: string;
  readonly seen: string;
  readonly mend: string;
}

/** How far back sandboxes that ended badly are looked for, in milliseconds. */
const lookBack = 30 * 60_000;

// biome-ignore lint/suspicious/noExplicitAny: members of results are as the procedures make them
type Values = Record<string, any>;

/** What a procedure answers, or why it did not. */
async function consult(
  context: ToolContext,
  name: 'status' | 'migration-status',
): Promise<{ result?: Values; trouble?: string }> {
  try {
    const { outcome, result, error } = await context.call(name, {}, 'doctor');
    return outcome === 'succeeded' ? { result: result as Values } : { trouble: error?.message ?? 'without a reason' };
  } catch (error) {
    return { trouble: (error as Error).message };
  }
}

/** Starts a sandbox of each endpoint with a request that changes nothing. @returns those that answer 5xx, or not at all */
async function wakeEndpoints(context: ToolContext, issuer: string): Promise<{ name: string; answer: string }[]> {
  const base = context.environment.OAUTH2_BASE_URL || issuer;
  const asked = routeNames.map(async (name) => {
    const route: Route = routes[name];
    const url = base.replace(/\/$/, '') + (route.paths[0] as string).replaceAll(/\{[^}]+\}/g, 'x');
    try {
      const { status } = await fetch(url, { method: 'OPTIONS', redirect: 'manual', signal: AbortSignal.timeout(20_000) });
      return status >= 500 ? [{ name, answer: String(status) }] : [];
    } catch (error) {
      const { message, cause } = error as Error;
      return [{ name, answer: cause instanceof Error ? `${message}: ${cause.message}` : message }];
    }
  });
  return (await Promise.all(asked)).flat();
}

/** Whether the server turns this machine's address away, which no question about methods tells. */
async function judgeAddress(context: ToolContext, issuer: string): Promise<Cause[]> {
  const base = (context.environment.OAUTH2_BASE_URL || issuer).replace(/\/$/, '');
  // What does not answer at all is told of with the other endpoints.
  const answer = await ask(base + (routes.jwks.paths[0] as string)).catch(() => undefined);
  const description = String(answer?.json?.error_description ?? '');
  if (answer?.status !== 403 || !/address/.test(description)) return [];
  const mend = 'oauth2ctl list-blocks, then oauth2ctl unblock --address RANGE --apply --reason "…"; others may be served well';
  return [{ cause: 'the address of this machine is shut out', seen: description, mend }];
}

function judgeFunctions(states: readonly FunctionState[], crashes: readonly Crash[], stage: string): Cause[] {
  const release =
    stage === 'local' ? 'mend the source: a running instance takes the change in' : 'oauth2ctl rollback, or mend it and deploy';
  return [
    ...states
      .filter((one) => !isFine(one))
      .map(
        ({ name, state, last_update, reason }): Cause => ({
          cause: `the function ${name} is ${state}, its last update ${last_update}`,
          seen: reason || 'Lambda gives no reason',
          mend: state === 'Pending' ? 'wait a minute and look again' : 'deploy again; where that fails, oauth2ctl rollback',
        }),
      ),
    ...crashes.map(
      ({ name, kind, times, last, words }): Cause => ({
        cause: `the function ${name} ${kind}`,
        seen: `${words} (${times} times, last at ${last})`,
        mend: kind === 'runs out of time' ? `oauth2ctl logs --crashed --function ${name} says what it waited for` : release,
      }),
    ),
  ];
}

function judgeMigrations({ result, trouble }: { result?: Values; trouble?: string }): Cause[] {
  if (trouble !== undefined)
    return [{ cause: 'the migrations cannot be looked at', seen: trouble, mend: 'oauth2ctl logs --function migration-status' }];
  if (result?.state === 'up to date') return [];
  const cause = {
    failed: 'a migration failed',
    pending: 'a migration is pending',
    contradicted: 'migrations and database contradict each other',
  };
  return [
    {
      cause: cause[result?.state as keyof typeof cause],
      seen: result?.explanation,
      mend: result?.state === 'pending' ? 'oauth2ctl migrate --apply --reason "…"' : 'oauth2ctl migration-status, and its page',
    },
  ];
}

async function judgeQuotas({ stage, environment }: ToolContext): Promise<Cause[]> {
  if (stage === 'local') return [];
  const { verdict, detail } = await checkQuotas(readStage(stage, { environment }));
  return verdict === 'not well'
    ? [{ cause: 'a quota of Lambda is too small', seen: detail, mend: 'Service Quotas, as it says; then oauth2ctl preflight' }]
    : [];
}

/** Of the first thing that is away everything behind it is a consequence. */
async function findCauses(context: ToolContext, issuer: string): Promise<{ causes: Cause[]; functions: FunctionState[] }> {
  const { stage } = context;
  const [functions, failing, certificate, address] = await Promise.all([
    inspectFunctions(context),
    wakeEndpoints(context, issuer),
    checkPresented(issuer),
    judgeAddress(context, issuer),
  ]);
  const status = await consult(context, 'status');
  const database = await findDatabaseCause(context, status.result);
  const secret = await findSecretCause(context, functions, status.result);
  const crashes = await withLogs(context, (logs) => findCrashes(logs, stage, Date.now() - lookBack));
  const causes = [...certificate, ...address, ...database, ...secret];
  // Who waits for a dependency that is away runs out of time; who cannot be loaded is broken by itself.
  const own = crashes.filter(({ kind }) => kind === 'does not start' || causes.length === 0);
  causes.push(...judgeFunctions(functions, own, stage));
  if (database.length === 0) causes.push(...judgeMigrations(await consult(context, 'migration-status')));
  causes.push(...(await judgeQuotas(context)));
  if (causes.length > 0) return { causes, functions };
  for (const { name, answer } of failing)
    causes.push({
      cause: `the endpoint ${name} does not answer as it should`,
      seen: answer,
      mend: `oauth2ctl logs errors --function ${name}`,
    });
  if (status.trouble !== undefined)
    causes.push({
      cause: 'the procedure status does not answer',
      seen: status.trouble,
      mend: 'oauth2ctl logs --function status',
    });
  for (const problem of (status.result?.problems ?? []) as string[])
    causes.push({
      cause: problem,
      seen: 'oauth2ctl status',
      mend: /^maintenance/.test(problem) ? 'oauth2ctl maintenance --off, unless somebody works behind it' : 'see the page status',
    });
  return { causes, functions };
}

export const examine: ToolProcedure = answering(async (context) => {
  const issuer = await findIssuer(context);
  const { causes, functions } = await findCauses(context, issuer);
  return {
    outcome: 'succeeded',
    plan: { steps: [] },
    result: {
      stage: context.stage,
      issuer,
      well: causes.length === 0,
      causes,
      functions: functions.map(({ signing_secret: _, ...shown }) => shown),
    },
  };
});
