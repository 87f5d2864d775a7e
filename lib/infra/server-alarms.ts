/** Makes CloudWatch alarms of the alarm table's rows, each telling the topic of its severity. */
import { Duration } from 'aws-cdk-lib';
import {
  Alarm as CloudWatchAlarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { Alarm } from '../alarm.ts';
import { alarmNames, alarms } from '../alarms.ts';
import { type Procedure, type ProcedureName, procedureNames, procedures } from '../procedures.ts';
import { routeNames } from '../routes.ts';
import { type Measured, metricOf } from './metrics.ts';

export type Topics = Readonly<Record<Alarm['severity'], ITopic>>;

/** Adds every alarm whose sources the stage has, and returns them by name. @param computes whether its CloudWatch knows metric math */
export function addAlarms(scope: Construct, measured: Measured, topics: Topics, computes: boolean): Map<string, CloudWatchAlarm> {
  const made = new Map<string, CloudWatchAlarm>();
  for (const name of alarmNames) {
    const row: Alarm = alarms[name];
    if (row.expression !== undefined && !computes) continue;
    for (const fn of watchedFunctions(row)) {
      const metric = watchedMetric(row, measured, fn);
      if (metric === undefined) continue;
      const id = fn === undefined ? name : `${name}-${fn}`;
      const page = row.runbook_of?.[fn ?? ''] ?? row.runbook;
      const minutes = minutesOf(row, fn);
      made.set(id, addAlarm(scope, id, { ...row, runbook: page, minutes }, metric, measured.stage_name, topics));
    }
  }
  return made;
}

/** After how many wrong minutes an alarm fires that is over one function or procedure, or over the stage. */
export function minutesOf({ minutes, minutes_where_it_comes_again = minutes }: Alarm, fn: string | undefined): number {
  const { comes_again }: Partial<Procedure> = procedures[fn as ProcedureName] ?? {};
  return comes_again ? minutes_where_it_comes_again : minutes;
}

function watchedFunctions({ each }: Alarm): readonly (string | undefined)[] {
  if (each === undefined) return [undefined];
  return { route: routeNames, procedure: procedureNames, function: [...routeNames, ...procedureNames] }[each];
}

function watchedMetric(row: Alarm, measured: Measured, fn: string | undefined): IMetric | undefined {
  const usingMetrics: Record<string, IMetric> = {};
  for (const [key, watched] of Object.entries(row.metrics)) {
    const metric = metricOf(watched, measured, row.period, watched.function ?? fn);
    if (metric === undefined) return undefined;
    usingMetrics[key] = metric;
  }
  if (row.expression === undefined) return Object.values(usingMetrics)[0];
  const expression = row.expression.replace('{memory_bytes}', String(measured.database?.memory_bytes));
  return new MathExpression({ expression, usingMetrics, period: Duration.minutes(row.period), label: row.purpose });
}

function addAlarm(scope: Construct, id: string, row: Alarm, metric: IMetric, stageName: string, topics: Topics): CloudWatchAlarm {
  const alarm = new CloudWatchAlarm(scope, id, {
    alarmName: `oauth2-${stageName}-${id}`,
    alarmDescription: `${row.purpose}. What to do: runbooks/${row.runbook}.md`,
    metric,
    threshold: row.threshold,
    evaluationPeriods: row.minutes / row.period,
    comparisonOperator:
      row.fires === 'above' ? ComparisonOperator.GREATER_THAN_THRESHOLD : ComparisonOperator.LESS_THAN_THRESHOLD,
    treatMissingData: row.silence === 'wrong' ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
  });
  const action = new SnsAction(topics[row.severity]);
  alarm.addAlarmAction(action);
  alarm.addOkAction(action);
  return alarm;
}
