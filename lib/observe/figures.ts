/** The newest figures that CloudWatch has of a stage: concurrency, database, proxy. */
import type { MetricDataQuery } from '@aws-sdk/client-cloudwatch';
import { functionName } from '../procedures.ts';
import { routeNames } from '../routes.ts';
import { instanceName } from '../stages.ts';

interface Figure {
  readonly namespace: string;
  readonly metric: string;
  readonly statistic: 'Maximum' | 'Average' | 'Minimum';
  readonly dimensions: Readonly<Record<string, string>>;
}

/** What is asked, by the name under which it is shown. */
export function figuresOf(stage: string): Record<string, Figure> {
  const database = { DBInstanceIdentifier: instanceName(stage) };
  const proxy = { ProxyName: `oauth2-${stage}`, TargetGroup: 'default', TargetRole: 'READ_WRITE' };
  const rds = (metric: string, statistic: Figure['statistic'], dimensions: Figure['dimensions']): Figure => ({
    namespace: 'AWS/RDS',
    metric,
    statistic,
    dimensions,
  });
  return {
    concurrency: { namespace: 'AWS/Lambda', metric: 'ConcurrentExecutions', statistic: 'Maximum', dimensions: {} },
    database_cpu_percent: rds('CPUUtilization', 'Average', database),
    database_free_storage_bytes: rds('FreeStorageSpace', 'Minimum', database),
    database_free_memory_bytes: rds('FreeableMemory', 'Minimum', database),
    proxy_borrowed: rds('DatabaseConnectionsCurrentlyBorrowed', 'Maximum', proxy),
    proxy_pinned: rds('DatabaseConnectionsCurrentlySessionPinned', 'Maximum', proxy),
  };
}

/** The newest value of each within fifteen minutes; absent where there is none. */
export async function readFigures(stage: string): Promise<Record<string, number | undefined>> {
  const { CloudWatchClient, GetMetricDataCommand } = await import('@aws-sdk/client-cloudwatch');
  const client = new CloudWatchClient({ maxAttempts: 5 });
  const figures = Object.entries(figuresOf(stage));
  const queries = figures.map(
    ([name, { namespace, metric, statistic, dimensions }]): MetricDataQuery => ({
      Id: name,
      MetricStat: {
        Metric: {
          Namespace: namespace,
          MetricName: metric,
          Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
        },
        Period: 60,
        Stat: statistic,
      },
    }),
  );
  try {
    const now = Date.now();
    const { MetricDataResults = [] } = await client.send(
      new GetMetricDataCommand({
        MetricDataQueries: queries,
        StartTime: new Date(now - 15 * 60_000),
        EndTime: new Date(now),
        ScanBy: 'TimestampDescending',
      }),
    );
    return Object.fromEntries(MetricDataResults.map(({ Id = '', Values = [] }) => [Id, Values[0]]));
  } finally {
    client.destroy();
  }
}

/** Sandboxes that the account may run at once. */
export async function readConcurrencyLimit(): Promise<number | undefined> {
  const { GetAccountSettingsCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  const client = new LambdaClient({ maxAttempts: 5 });
  try {
    return (await client.send(new GetAccountSettingsCommand({}))).AccountLimit?.ConcurrentExecutions;
  } finally {
    client.destroy();
  }
}

/** Invocations of the endpoints that found no sandbox, in a time of milliseconds since the epoch; 0 where nothing counts them. */
export async function readThrottles(stage: string, from: number, to: number): Promise<number> {
  if (stage === 'local') return 0;
  const { CloudWatchClient, GetMetricDataCommand } = await import('@aws-sdk/client-cloudwatch');
  const client = new CloudWatchClient({ maxAttempts: 5 });
  const minutes = Math.max(1, Math.ceil((to - from) / 60_000));
  const queries = routeNames.map(
    (name): MetricDataQuery => ({
      Id: `throttles_${name.replaceAll('-', '_')}`,
      MetricStat: {
        Metric: {
          Namespace: 'AWS/Lambda',
          MetricName: 'Throttles',
          Dimensions: [{ Name: 'FunctionName', Value: functionName(stage, name) }],
        },
        // CloudWatch keeps minutes for fifteen days, then five of them together, then hours.
        Period: minutes <= 1440 ? 60 : 3600,
        Stat: 'Sum',
      },
    }),
  );
  try {
    const { MetricDataResults = [] } = await client.send(
      new GetMetricDataCommand({ MetricDataQueries: queries, StartTime: new Date(from), EndTime: new Date(to) }),
    );
    return MetricDataResults.flatMap(({ Values = [] }) => Values).reduce((sum, value) => sum + value, 0);
  } finally {
    client.destroy();
  }
}
