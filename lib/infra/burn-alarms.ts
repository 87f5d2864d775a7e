/** Burn-rate alarms of the objectives: one silent alarm for each window, and composites of them that tell somebody. */
import { Duration } from 'aws-cdk-lib';
import {
  AlarmRule,
  AlarmState,
  Alarm as CloudWatchAlarm,
  ComparisonOperator,
  CompositeAlarm,
  type IMetric,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Construct } from 'constructs';
import { type Burn, burnAlarms, type Objective, objectiveNames, objectives } from '../objectives.ts';
import { type Measured, metricOf } from './metrics.ts';
import type { Topics } from './server-alarms.ts';

/** Adds them, and returns the composites by name. One alarm has one period, so that each window needs an alarm of its own. */
export function addBurnAlarms(scope: Construct, measured: Measured, topics: Topics): Map<string, CompositeAlarm> {
  const made = new Map<string, CompositeAlarm>();
  for (const objective of objectiveNames) {
    const row: Objective = objectives[objective];
    for (const { suffix, severity, burns } of burnAlarms) {
      const bothWindows = ({ factor, short, long }: Burn) =>
        AlarmRule.allOf(
          ...[short, long].map((minutes) => {
            const window = addWindow(scope, objective, row, factor, minutes, measured);
            return AlarmRule.fromAlarm(window, AlarmState.ALARM);
          }),
        );
      const name = `${objective}${suffix}`;
      const alarm = new CompositeAlarm(scope, name, {
        compositeAlarmName: `oauth2-${measured.stage_name}-${name}`,
        alarmDescription: `${row.purpose}. What to do: runbooks/${row.runbook}.md`,
        alarmRule: AlarmRule.anyOf(...burns.map(bothWindows)),
      });
      const action = new SnsAction(topics[severity]);
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
      made.set(name, alarm);
    }
  }
  return made;
}

function addWindow(
  scope: Construct,
  name: string,
  { target, metrics, bad, all, purpose, runbook }: Objective,
  factor: number,
  minutes: number,
  measured: Measured,
): CloudWatchAlarm {
  const usingMetrics: Record<string, IMetric> = {};
  for (const [key, watched] of Object.entries(metrics)) {
    const metric = metricOf(watched, measured, minutes, watched.function);
    if (metric) usingMetrics[key] = metric;
  }
  const id = `${name}-${minutes}min-${factor}x`;
  return new CloudWatchAlarm(scope, id, {
    alarmName: `oauth2-${measured.stage_name}-${id}`,
    alarmDescription: `${purpose}: over ${minutes} minutes. Tells nobody by itself. What to do: runbooks/${runbook}.md`,
    metric: new MathExpression({
      // In percent of the requests, by the percent that may be bad: how many times too fast.
      expression: `IF((${all}) > 0, 100 * (${bad}) / (${all}), 0) / ${Number((100 - target).toFixed(6))}`,
      usingMetrics,
      period: Duration.minutes(minutes),
      label: 'burn rate',
    }),
    threshold: factor,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}
