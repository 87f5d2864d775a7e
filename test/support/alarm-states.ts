/** Says in which state the alarms of a synthesised template are, for values that are given, by the rules of CloudWatch. */
import type { Json, Properties, Resource, Templates } from '../infra/templates.ts';
import { parseMetricMath } from './metric-math.ts';
import type { MetricIdentity, MetricStore } from './metric-store.ts';

export type AlarmState = 'ALARM' | 'OK' | 'INSUFFICIENT_DATA';

export interface Watched {
  /** Its name in the alarm's expression; `value` without one. */
  readonly key: string;
  readonly metric: MetricIdentity;
  readonly statistic: string;
  readonly minutes: number;
}

function identityOf(templates: Templates, part: string, { Namespace, MetricName, Dimensions }: Properties): MetricIdentity {
  const pairs = ((Dimensions ?? []) as readonly Properties[]).map(({ Name, Value }) => [Name, templates.text(part, Value)]);
  return { namespace: String(Namespace), name: String(MetricName), dimensions: Object.fromEntries(pairs) };
}

/** What an alarm watches. */
export function watchedBy(templates: Templates, { part, properties }: Resource): readonly Watched[] {
  const { Metrics, Period, Statistic, ExtendedStatistic } = properties;
  if (!Metrics) {
    const statistic = String(Statistic ?? ExtendedStatistic);
    return [{ key: 'value', metric: identityOf(templates, part, properties), statistic, minutes: Number(Period) / 60 }];
  }
  return (Metrics as readonly Properties[]).flatMap(({ Id, MetricStat }) => {
    if (!MetricStat) return [];
    const { Metric, Period, Stat } = MetricStat as { Metric: Properties; Period: number; Stat: string };
    return [{ key: String(Id), metric: identityOf(templates, part, Metric), statistic: Stat, minutes: Period / 60 }];
  });
}

const comparisons: Readonly<Record<string, (value: number, threshold: number) => boolean>> = {
  GreaterThanThreshold: (value, threshold) => value > threshold,
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
};

/** How many values an alarm looks at, and of how many minutes each is made. */
export function spanOf(templates: Templates, alarm: Resource): { readonly periods: number; readonly minutes: number } {
  return { periods: Number(alarm.properties.EvaluationPeriods), minutes: watchedBy(templates, alarm)[0]?.minutes ?? 0 };
}

/**
 * The state of an alarm at the end of a minute. What CloudWatch reads beyond the evaluated periods, to bridge gaps, is left aside:
 * a period without a value is what TreatMissingData makes of it.
 */
function stateOfMetricAlarm(templates: Templates, alarm: Resource, store: MetricStore, minute: number): AlarmState {
  const { properties } = alarm;
  const watched = watchedBy(templates, alarm);
  const { periods, minutes } = spanOf(templates, alarm);
  const expressions = ((properties.Metrics ?? []) as readonly Properties[]).filter(({ Expression }) => Expression);
  const compute = parseMetricMath(expressions.length === 0 ? 'value' : String(expressions[0]?.Expression));
  const breaches = comparisons[String(properties.ComparisonOperator)];
  if (!breaches || expressions.length > 1)
    throw new Error(`${alarm.id} is of a kind that test/support/alarm-states.ts does not know`);
  const points = Array.from({ length: periods }, (_, back) => {
    const to = minute - back * minutes;
    return compute(
      Object.fromEntries(
        watched.map(({ key, metric, statistic }) => [key, store.statistic(metric, statistic, to - minutes, to)] as const),
      ),
    );
  });
  if (points.every((point) => point === undefined) && (properties.TreatMissingData ?? 'missing') === 'missing')
    return 'INSUFFICIENT_DATA';
  const wrong = points.filter((point) =>
    point === undefined ? properties.TreatMissingData === 'breaching' : breaches(point, Number(properties.Threshold)),
  );
  return wrong.length >= Number(properties.DatapointsToAlarm ?? periods) ? 'ALARM' : 'OK';
}

/** A rule as one text, with the logical ids of the alarms that it names. */
export function ruleOf(templates: Templates, { part, properties }: Resource): string {
  const parts = (properties.AlarmRule as { 'Fn::Join': readonly [string, readonly Json[]] })['Fn::Join'][1];
  return parts.map((one) => (typeof one === 'string' ? one : templates.target(part, one)?.id)).join('');
}

/** ALARM(…), AND, OR and parentheses: the rules of the composite alarms use no more. */
function stateOfRule(rule: string, stateOf: (id: string) => AlarmState): AlarmState {
  const settled = rule.replaceAll(/ALARM\("?([\w-]+)"?\)/g, (_, id: string) => (stateOf(id) === 'ALARM' ? '1' : '0'));
  return parseMetricMath(settled)({}) === 0 ? 'OK' : 'ALARM';
}

/** @param minute the first one that is not over: values of it do not count */
export function stateOf(templates: Templates, alarm: Resource, store: MetricStore, minute: number): AlarmState {
  if (alarm.type === 'AWS::CloudWatch::Alarm') return stateOfMetricAlarm(templates, alarm, store, minute);
  return stateOfRule(ruleOf(templates, alarm), (id) => stateOf(templates, templates.get(alarm.part, id), store, minute));
}
