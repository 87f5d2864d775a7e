/** Shows the six queries of the metrics for a time, each against its threshold, with how it went. */
import { readStage } from '../infra/read-stage.ts';
import { memoryBytes } from '../instance-memory.ts';
import { answering, type ToolAnswer, type ToolContext, type ToolProcedure } from '../releases/tool.ts';
import { readFigures } from './figures.ts';
import { countGateway } from './gateway.ts';
import { type Figures, figuresByStep, figuresOfWindow, type MeasuredWindow } from './measured.ts';
import {
  databaseFigures,
  functionFigures,
  type MetricQuery,
  metricQueries,
  type Threshold,
  thresholdOf,
} from './metric-queries.ts';

/** One line; a value that is not known is null, and `note` says why. */
export interface Answered {
  readonly query: string;
  readonly value: number | null;
  readonly unit: string;
  readonly threshold: number | null;
  readonly over: boolean;
  /** The page that helps where it is over. */
  readonly runbook: string | null;
  /** Its value in each step; null where there was none. */
  readonly course: readonly (number | null)[];
  readonly promql?: string;
  readonly note?: string;
}

function answer(
  { title, unit, promql }: { title: string; unit: string; promql?: string },
  value: number | null,
  threshold: Threshold | undefined,
  course: readonly (number | null)[],
  note?: string,
): Answered {
  const over = threshold !== undefined && value !== null && value > threshold.above;
  return {
    query: title,
    value,
    unit,
    threshold: threshold?.above ?? null,
    over,
    runbook: over ? threshold.runbook : null,
    course,
    ...(promql !== undefined && { promql }),
    ...(note !== undefined && { note }),
  };
}

/** The six queries of a window, or other ones; pure. */
export function answerQueries(window: MeasuredWindow, queries: readonly MetricQuery[] = metricQueries): Answered[] {
  const whole = figuresOfWindow(window);
  const steps = figuresByStep(window);
  return queries.map((query) => {
    const course = steps.map((step: Figures) => step[query.figure]);
    return answer(query, whole[query.figure], thresholdOf(query.alarm), course);
  });
}

/** Percent of processors and memory that the stage's own database uses now. */
export async function readDatabasePercents({ stage, environment }: ToolContext): Promise<Record<string, number | undefined>> {
  const { database } = readStage(stage, { environment });
  if (stage === 'local' || database.kind !== 'managed') return {};
  const { database_cpu_percent, database_free_memory_bytes: free } = await readFigures(stage);
  const memory = free === undefined ? undefined : 100 * (1 - free / memoryBytes(database.instance_class));
  return { database_cpu_percent, database_memory_percent: memory };
}

async function answerDatabase(context: ToolContext): Promise<Answered[]> {
  const found = await readDatabasePercents(context);
  const note =
    context.stage === 'local' ? 'nothing measures it on this machine' : 'CloudWatch has no figure of the last 15 minutes';
  return databaseFigures.map(({ title, figure, alarm }) => {
    const value = found[figure] ?? null;
    return answer({ title, unit: '%' }, value, thresholdOf(alarm), [], value === null ? note : undefined);
  });
}

/** Asks the stage's own function, and the gateway for what never came to a function's answer. @param from milliseconds since the epoch */
export async function readWindow(
  context: ToolContext,
  from: number,
  to: number | undefined,
  reason: string,
  acts = false,
): Promise<{ window?: MeasuredWindow; refused: ToolAnswer; notes: string[] }> {
  const input = {
    from: new Date(from).toISOString(),
    ...(to !== undefined && { to: new Date(to).toISOString() }),
    ...(acts && { acts }),
  };
  const refused = await context.call('read-metrics', input, reason);
  if (refused.outcome !== 'succeeded') return { refused, notes: [] };
  const window = refused.result as MeasuredWindow;
  try {
    return { window: { ...window, gateway: await countGateway(context, window) }, refused, notes: [] };
  } catch (error) {
    const note = `5xx that no function answered are not counted here: what the gateway counts could not be read: ${(error as Error).message}`;
    return { window, refused, notes: [note] };
  }
}

export const measureStage: ToolProcedure = answering(async (context, { input }) => {
  const { window, refused, notes } = await readWindow(context, input.since as number, undefined, 'metrics');
  if (window === undefined) return refused;
  const queries = answerQueries(window);
  const functions = answerQueries(window, functionFigures);
  const database = await answerDatabase(context);
  const over = [...queries, ...functions, ...database].filter((one) => one.over);
  return {
    outcome: 'succeeded',
    plan: { steps: [] },
    result: {
      stage: context.stage,
      from: window.from,
      to: window.to,
      counted_to: window.counted_to,
      queries,
      functions,
      database,
      notes,
      well: over.length === 0,
    },
    ...(over.length > 0 && { next: [...new Set(over.map(({ runbook }) => `runbooks/${runbook}.md`)), 'oauth2ctl diagnose'] }),
  };
});
