/** Wraps every procedure: checks what it is given, shows its plan, acts only when told to, and leaves an audit entry, a metric and a log line. */
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { type Procedure, type ProcedureName, procedures } from '../procedures.ts';
import { Unavailable } from '../protocol/errors.ts';
import { type AuditEntry, insertAuditEntry } from '../store/audit-log.ts';
import { type Database, toStoreError } from '../store/database.ts';
import { inTransaction } from '../store/transaction.ts';
import { discardMetrics, log, metrics, publishMetrics, watchMemory, watchRun } from '../telemetry.ts';
import { checkInput, type InputTable, isObject, matching, onOff, ProcedureFault, text } from './input.ts';

/** What every procedure works with; some add to it. */
export interface Instruments {
  readonly now: () => Date;
  /** Absent where a procedure runs outside of the VPC: it changes nothing that is audited. */
  readonly db?: Database;
}

export interface Tools extends Instruments {
  readonly db: Database;
}

/** What will be done, in sentences for the operator; it never holds a secret. */
export interface Plan {
  readonly steps: readonly string[];
  /** Whether a deploy takes a backup before. */
  readonly backup_first?: boolean;
}

export interface ProcedureDefinition<T extends Instruments, Input, Facts, Result> {
  readonly name: ProcedureName;
  readonly input: InputTable;
  /** Reads what the plan depends on. @throws {ProcedureFault} where there is nothing to plan */
  look(tools: T, input: Input): Promise<Facts>;
  /** Decides what to do; pure. @throws {ProcedureFault} where it must not be done */
  plan(input: Input, facts: Facts): Plan;
  /** Input and facts with nobody's name in them: the audit log keeps the plan that is made of these, as its entries are never changed. */
  withoutNames?(input: Input, facts: Facts): readonly [Input, Facts];
  /** Does it; may be run again after it was cut off. */
  apply(tools: T, input: Input, facts: Facts): Promise<Result>;
  /** The change and its audit entry are one transaction, for a change that is a few statements; any other leaves an entry before it acts. */
  readonly atomic?: boolean;
  /** Acts although its beginning cannot be recorded: it makes the database that has the audit log, or brings it back. */
  readonly acts_without_log?: boolean;
  /** Refuses to act without a reason. */
  readonly asks_reason?: boolean;
  /** One line about the outcome for the audit log and the log; without secrets and names of people. */
  describe?(result: Result): string;
  /** Commands or checks that come next. */
  next?(result: Result): readonly string[];
}

export interface Answer<Result = unknown> {
  readonly outcome: 'planned' | 'succeeded' | 'failed';
  readonly plan: Plan;
  readonly result?: Result;
  readonly next?: readonly string[];
  readonly error?: { readonly code: string; readonly message: string };
}

interface Order {
  readonly input: unknown;
  readonly apply: boolean;
  readonly reason: string | null;
  readonly actor: string;
  /** A failure is thrown: for callers that see errors alone, as state machines do. */
  readonly raises: boolean;
  /** The incident that it is part of. */
  readonly incident: string | null;
  /** Id under which somebody waits for news of the run. */
  readonly progress: string | undefined;
}

/** What an incident is called. */
export const incidentId = matching(
  /^[A-Za-z0-9][A-Za-z0-9-]{2,60}$/,
  '3 to 61 letters, digits and -, of which the first is no -',
);

const orderTable: InputTable = {
  input: { accepts: isObject, allowed: 'a JSON object' },
  apply: onOff,
  reason: text(500),
  actor: matching(/^[\w.@:/+=,-]{1,200}$/, 'a name of 1 to 200 letters, digits and . @ : / + = , - _'),
  incident: incidentId,
  raises: onOff,
  progress: matching(/^[a-z0-9-]{8,40}$/, '8 to 40 small letters, digits and -'),
};

function readOrder(payload: unknown): Order {
  const { input, apply, reason, actor, incident, raises, progress } = checkInput(payload, orderTable, 'payload');
  return {
    input: input ?? {},
    apply: apply === true,
    reason: (reason as string | undefined) ?? null,
    actor: (actor as string | undefined) ?? 'unknown',
    incident: (incident as string | undefined) ?? null,
    raises: raises === true,
    progress: progress as string | undefined,
  };
}

interface Failure {
  readonly code: string;
  readonly message: string;
  /** For the log and the audit entry. */
  readonly detail: string;
  /** Not counted as a failed procedure. */
  readonly mistake: boolean;
}

function describeFailure(cause: unknown): Failure {
  if (cause instanceof ProcedureFault)
    return { code: cause.code, message: cause.message, detail: cause.detail, mistake: cause.mistake };
  const error = toStoreError('procedure', cause);
  if (error instanceof Unavailable)
    return {
      code: 'temporarily_unavailable',
      message: `${error.message} Nothing is lost: run it again. Where it stays so, oauth2ctl doctor says why.`,
      detail: error.detail,
      mistake: false,
    };
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: 'internal_error', message: 'The procedure failed unexpectedly; its log says why.', detail, mistake: false };
}

const noPlan: Plan = { steps: [] };

/** What a run has come to, while it runs. */
interface Run {
  order: Order;
  plan: Plan;
  /** The plan as the audit log keeps it. */
  recorded: Plan;
  /** Number of the entry that says that it began. */
  beginning?: string | undefined;
}

async function perform<T extends Instruments, Input, Facts, Result>(
  definition: ProcedureDefinition<T, Input, Facts, Result>,
  tools: T,
  run: Run,
): Promise<Answer<Result>> {
  const { order } = run;
  const { writes } = procedures[definition.name];
  const input = checkInput(order.input, definition.input) as Input;
  if (writes && order.apply && definition.asks_reason && order.reason === null)
    throw new ProcedureFault('reason_missing', 'a reason is needed to act; it goes into the audit log');
  const facts = await definition.look(tools, input);
  const plan = definition.plan(input, facts);
  run.plan = plan;
  run.recorded = definition.withoutNames ? definition.plan(...definition.withoutNames(input, facts)) : plan;
  if (writes && !order.apply) return { outcome: 'planned', plan };
  if (writes && !definition.atomic) run.beginning = await begin(tools, definition, run);
  const act = async (with_: T): Promise<Result> => {
    const result = await definition.apply(with_, input, facts);
    if (writes) await audit(with_, definition, run, 'succeeded', definition.describe?.(result) ?? null);
    return result;
  };
  const result =
    definition.atomic && tools.db
      ? await inTransaction(tools.db, definition.name, (db) => act({ ...tools, db }))
      : await act(tools);
  const next = definition.next?.(result) ?? [];
  return { outcome: 'succeeded', plan, result, ...(next.length > 0 && { next }) };
}

/** Leaves an entry before anything is done, so that a run that is cut off is on record. @returns its number */
async function begin(
  tools: Instruments,
  definition: { readonly name: ProcedureName; readonly acts_without_log?: boolean },
  run: Run,
): Promise<string | undefined> {
  try {
    return await audit(tools, definition, run, 'begun', null);
  } catch (cause) {
    if (!definition.acts_without_log) throw cause;
    const { actor, reason } = run.order;
    const detail = `not in the audit log: ${describeFailure(cause).detail}`;
    log('warn', 'procedure', { procedure: definition.name, outcome: 'begun', actor, reason, detail });
    return undefined;
  }
}

async function audit(
  { db }: Instruments,
  { name }: { readonly name: ProcedureName },
  { order: { actor, reason, incident }, recorded: plan, beginning }: Run,
  outcome: AuditEntry['outcome'],
  detail: string | null,
): Promise<string> {
  if (!db) throw new Error(`${name} writes, so it needs the database for its audit entry`);
  // Postgres stores no NUL character.
  const storable = detail?.replaceAll('\0', '').slice(0, 2000) ?? null;
  const entry = { actor, procedure: name, reason, plan, outcome, detail: storable, incident_id: incident };
  return insertAuditEntry(db, entry, beginning);
}

/**
 * Runs a procedure for a payload `{ input, apply, reason, actor }`; never throws.
 * @returns its plan where `apply` is not true; a reading procedure always runs
 */
export async function runProcedure<T extends Instruments, Input, Facts, Result>(
  definition: ProcedureDefinition<T, Input, Facts, Result>,
  tools: T,
  payload: unknown,
  requestId?: string,
): Promise<Answer<Result>> {
  const started = performance.now();
  const run: Run = {
    order: { input: {}, apply: false, reason: null, actor: 'unknown', incident: null, raises: false, progress: undefined },
    plan: noPlan,
    recorded: noPlan,
  };
  let answer: Answer<Result>;
  let failure: Failure | undefined;
  watchRun(undefined);
  try {
    run.order = readOrder(payload);
    watchRun(run.order.progress);
    answer = await perform(definition, tools, run);
  } catch (cause) {
    failure = describeFailure(cause);
    answer = { outcome: 'failed', plan: run.plan, error: { code: failure.code, message: failure.message } };
  }
  if (failure && run.order.apply && procedures[definition.name].writes) {
    // What could not be done because the database is away cannot be recorded there either; the log line has it.
    await audit(tools, definition, run, 'failed', `${failure.code}: ${failure.detail}`).catch(() => undefined);
  }
  const { quiet }: Procedure = procedures[definition.name];
  if (quiet && !failure) {
    discardMetrics();
    return answer;
  }
  publishOutcome(definition.name, failure?.mistake ? 'planned' : answer.outcome);
  log(failure ? (failure.mistake ? 'warn' : 'error') : 'info', 'procedure', {
    procedure: definition.name,
    outcome: answer.outcome,
    actor: run.order.actor,
    reason: run.order.reason,
    request_id: requestId,
    duration_ms: Math.round(performance.now() - started),
    error: failure?.code,
    detail: failure?.detail ?? (answer.result === undefined ? undefined : definition.describe?.(answer.result)),
  });
  return answer;
}

/** Publishes what the run measured, and whether the procedure did what it is for. */
export function publishOutcome(procedure: ProcedureName, outcome: Answer['outcome']): void {
  publishMetrics();
  if (outcome === 'planned') return;
  const single = metrics.singleMetric();
  single.addDimension('procedure', procedure);
  single.addMetric(outcome === 'succeeded' ? 'procedure_succeeded_total' : 'procedure_failed_total', MetricUnit.Count, 1);
}

/**
 * The order in an event: itself, or in what Lambda hands from a procedure that succeeded to the next one, whose input is the result then.
 * What failed has no result, so that the next one refuses its input.
 */
function orderOf(event: unknown): unknown {
  if (!isObject(event) || !('requestContext' in event) || !isObject(event.responsePayload)) return event;
  return { input: event.responsePayload.result ?? {}, apply: true, reason: 'follows a scheduled run', actor: 'schedule' };
}

/** Whether nobody reads the answer, so that a failure has to be an error. */
function wantsErrors(event: unknown): boolean {
  return isObject(event) && (event.actor === 'schedule' || event.raises === true);
}

/** The Lambda handler of a procedure. @throws {Error} named by its code, where a run failed whose caller sees errors alone */
export function serveProcedure<T extends Instruments, Input, Facts, Result>(
  definition: ProcedureDefinition<T, Input, Facts, Result>,
  tools: T,
): (event: unknown, context?: { readonly awsRequestId?: string; readonly memoryLimitInMB?: string }) => Promise<Answer<Result>> {
  return async (received, context) => {
    const event = orderOf(received);
    const answer = await runProcedure(definition, tools, event, context?.awsRequestId);
    watchMemory(context?.memoryLimitInMB, { procedure: definition.name });
    // Only an error makes the scheduler try again and, in the end, keep the event, or a state machine take back what was done.
    if (answer.outcome === 'failed' && wantsErrors(event))
      throw Object.assign(new Error(`${definition.name}: ${answer.error?.message}`), { name: answer.error?.code });
    return answer;
  };
}
