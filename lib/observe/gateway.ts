/** Counts what the gateway answered, which also knows what never came to an answer of a function's own: crashes, timeouts, throttles. */
import type { Dimension } from '@aws-sdk/client-cloudwatch';
import { logGroups } from '../log-queries.ts';
import { ReleaseFault } from '../releases/fault.ts';
import type { ToolContext } from '../releases/tool.ts';
import type { GatewayCount, GatewayStep, MeasuredWindow } from './measured.ts';
import { readLogs } from './read-logs.ts';
import { withLogs } from './stage-clients.ts';

type Times = Pick<MeasuredWindow, 'from' | 'to' | 'step_seconds'>;

interface Counted extends GatewayCount {
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const dayMs = 86_400_000;

/** Seconds of the finest values that CloudWatch still has: minutes for fifteen days, then five of them together, then hours. */
export function periodOf(from: number, now: number): number {
  const age = now - from;
  return age < 15 * dayMs ? 60 : age < 63 * dayMs ? 300 : 3600;
}

/** The API of a stage, as its alarm knows it: a domain of its own says nothing of it. @throws {ReleaseFault} where there is no alarm */
async function findApi(stage: string): Promise<Dimension[]> {
  const { CloudWatchClient, DescribeAlarmsCommand } = await import('@aws-sdk/client-cloudwatch');
  const client = new CloudWatchClient({ maxAttempts: 5 });
  const name = `oauth2-${stage}-HighErrorRate`;
  try {
    const { MetricAlarms: [alarm] = [] } = await client.send(new DescribeAlarmsCommand({ AlarmNames: [name] }));
    const found = alarm?.Metrics?.find(({ MetricStat }) => MetricStat?.Metric?.Namespace === 'AWS/ApiGateway');
    const dimensions = found?.MetricStat?.Metric?.Dimensions;
    if (dimensions === undefined) throw new ReleaseFault('no_alarm', `there is no alarm ${name} that names the API`);
    return dimensions;
  } finally {
    client.destroy();
  }
}

async function readApi(stage: string, { from, to }: Times): Promise<Counted[]> {
  const { CloudWatchClient, GetMetricDataCommand } = await import('@aws-sdk/client-cloudwatch');
  const Dimensions = await findApi(stage);
  const client = new CloudWatchClient({ maxAttempts: 5 });
  const Period = periodOf(Date.parse(from), Date.now());
  const query = (Id: string, MetricName: string) => ({
    Id,
    MetricStat: { Metric: { Namespace: 'AWS/ApiGateway', MetricName, Dimensions }, Period, Stat: 'Sum' },
  });
  try {
    // Fewer values than an answer holds, however long the time is.
    const { MetricDataResults = [] } = await client.send(
      new GetMetricDataCommand({
        MetricDataQueries: [query('gateway_requests', 'Count'), query('gateway_failed', '5xx')],
        StartTime: new Date(from),
        EndTime: new Date(to),
      }),
    );
    return MetricDataResults.flatMap(({ Id, Timestamps = [], Values = [] }) =>
      Timestamps.map((at, index) => ({
        at: at.getTime(),
        requests: Id === 'gateway_requests' ? (Values[index] ?? 0) : 0,
        failed: Id === 'gateway_failed' ? (Values[index] ?? 0) : 0,
      })),
    );
  } finally {
    client.destroy();
  }
}

async function readAccessLog(context: ToolContext, { from, to }: Times): Promise<Counted[]> {
  const selection = {
    groups: [logGroups.access(context.stage)],
    patterns: () => [],
    // The functions do not count questions about what is allowed either.
    keep: ({ json }: { json: Readonly<Record<string, unknown>> | undefined }) => json !== undefined && json.method !== 'OPTIONS',
  };
  const window = { from: Date.parse(from), to: Date.parse(to) };
  const lines = await withLogs(context, (logs) => readLogs(logs, selection, window));
  return lines.map(({ time, json }) => ({ at: time, requests: 1, failed: Number(json?.status) >= 500 ? 1 : 0 }));
}

/** By the steps of a window. @throws where CloudWatch, or the instance on this machine, cannot be asked */
export async function countGateway(context: ToolContext, window: Times): Promise<GatewayStep[]> {
  const { stage } = context;
  const counted = await (stage === 'local' ? readAccessLog(context, window) : readApi(stage, window));
  const stepOf = ({ at }: Counted) => Math.max(0, Math.floor((at - Date.parse(window.from)) / 1000 / window.step_seconds));
  return [...Map.groupBy(counted, stepOf)].map(([step, own]) => ({
    step,
    requests: own.reduce((sum, { requests }) => sum + requests, 0),
    failed: own.reduce((sum, { failed }) => sum + failed, 0),
  }));
}
