/** The dashboard of a stage: the alarms first, then traffic, functions, database, and what the server counts itself. */
import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type HorizontalAnnotation,
  type IAlarm,
  type IMetric,
  MathExpression,
  PeriodOverride,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { Alarm, WatchedMetric } from '../alarm.ts';
import { type AlarmName, alarms as alarmTable } from '../alarms.ts';
import { procedureNames } from '../procedures.ts';
import { routeNames } from '../routes.ts';
import { type Measured, metricOf } from './metrics.ts';

function threshold(name: AlarmName): HorizontalAnnotation {
  const row: Alarm = alarmTable[name];
  return { value: row.threshold, label: name };
}

export function addDashboard(scope: Construct, measured: Measured, alarms: readonly IAlarm[]): Dashboard {
  const metrics = (source: WatchedMetric['source'], statistic: WatchedMetric['statistic'], ...names: string[]): IMetric[] =>
    names.flatMap((name) => metricOf({ source, name, statistic }, measured, 1) ?? []);
  const ofFunctions = (name: string, statistic: WatchedMetric['statistic'], functions: readonly string[]): IMetric[] =>
    functions.flatMap((fn) => metricOf({ source: 'function', name, statistic }, measured, 1, fn)?.with({ label: fn }) ?? []);
  /** What requests count, one line for each class of status that it can come with. */
  const counted = (name: string, statistic: WatchedMetric['statistic'], ...classes: string[]): IMetric[] =>
    classes.flatMap((status_class) => {
      const metric = metricOf({ source: 'server', name, statistic, dimensions: { status_class } }, measured, 1);
      return metric?.with({ label: `${name} ${status_class}` }) ?? [];
    });
  /** @param limits alarms whose thresholds are drawn, on the left axis and on the right one */
  const graph = (title: string, left: IMetric[], right: IMetric[] = [], limits: readonly (readonly AlarmName[])[] = []) =>
    new GraphWidget({
      title,
      left,
      right,
      leftAnnotations: (limits[0] ?? []).map(threshold),
      rightAnnotations: (limits[1] ?? []).map(threshold),
      width: 8,
      height: 6,
    });
  const [requests, errors] = [metrics('api', 'Sum', 'Count'), metrics('api', 'Sum', '5xx')];
  const errorRate = new MathExpression({
    expression: 'IF(requests > 0, 100 * errors / requests, 0)',
    usingMetrics: { requests: requests[0] as IMetric, errors: errors[0] as IMetric },
    label: '5xx, %',
    period: Duration.minutes(1),
  });

  const dashboard = new Dashboard(scope, 'dashboard', {
    dashboardName: `oauth2-${measured.stage_name}`,
    defaultInterval: Duration.hours(3),
    periodOverride: PeriodOverride.INHERIT,
  });
  dashboard.addWidgets(new AlarmStatusWidget({ title: 'Alarms', alarms: [...alarms], width: 24, height: 5 }));
  dashboard.addWidgets(
    graph(
      'Requests a minute, and error rate',
      [...requests, ...metrics('api', 'Sum', '4xx'), ...errors],
      [errorRate],
      [[], ['HighErrorRate']],
    ),
    graph(
      'Response time, p50, p95 and p99 ms',
      [...metrics('api', 'p50', 'Latency'), ...metrics('api', 'p95', 'Latency'), ...metrics('api', 'p99', 'Latency')],
      [],
      [['HighResponseTime']],
    ),
    graph('Tokens and refusals', [
      ...counted('oauth_token_issued_total', 'Sum', '2xx'),
      ...counted('oauth_token_revoked_total', 'Sum', '2xx'),
      ...counted('oauth_failed_authentications', 'Sum', '4xx'),
      ...counted('oauth_refresh_token_reused_total', 'Sum', '4xx'),
    ]),
  );
  dashboard.addWidgets(
    graph('Sandboxes of each endpoint', ofFunctions('ConcurrentExecutions', 'Maximum', routeNames)),
    graph('Duration of each endpoint, p95 ms', ofFunctions('Duration', 'p95', routeNames)),
    graph('Crashes and throttles', ofFunctions('Errors', 'Sum', routeNames), ofFunctions('Throttles', 'Sum', routeNames)),
  );
  dashboard.addWidgets(
    graph('Procedures', ofFunctions('Invocations', 'Sum', procedureNames), ofFunctions('Errors', 'Sum', procedureNames)),
    graph(
      'Events',
      metrics('server', 'Sum', 'events_relayed_total'),
      metrics('server', 'Maximum', 'events_backlog', 'events_set_aside'),
    ),
    graph(
      'Clients and active tokens',
      metrics('server', 'Maximum', 'oauth_clients_total', 'oauth_active_tokens'),
      [],
      [['ActiveTokensHigh']],
    ),
    graph(
      'Database, as requests see it',
      counted('db_queries_total', 'Sum', '2xx', '3xx', '4xx', '5xx'),
      counted('db_query_duration_seconds', 'p95', '2xx', '5xx'),
    ),
  );
  if (measured.database === undefined) {
    dashboard.addWidgets(
      new TextWidget({ markdown: 'The database of this stage is run by somebody else.', width: 24, height: 2 }),
    );
    return dashboard;
  }
  dashboard.addWidgets(
    graph('Database processors, %', metrics('database', 'Average', 'CPUUtilization'), metrics('database', 'Average', 'DBLoad'), [
      ['DatabaseCpuHigh'],
    ]),
    graph('Database connections', [
      ...metrics('database', 'Maximum', 'DatabaseConnections'),
      ...metrics('proxy', 'Maximum', 'DatabaseConnectionsCurrentlyBorrowed', 'DatabaseConnectionsCurrentlySessionPinned'),
    ]),
    graph(
      'Database memory and storage left',
      metrics('database', 'Minimum', 'FreeableMemory'),
      metrics('database', 'Minimum', 'FreeStorageSpace'),
    ),
  );
  return dashboard;
}
