/** Alarms and who is told of them, behind the operations of CloudWatch and SNS, for the account of tests. */
import { AwsError } from '../../lib/local/aws-endpoint.ts';

export interface TestAlarms {
  alarms: {
    AlarmName: string;
    StateValue: string;
    Dimensions?: { Name: string; Value: string }[];
    AlarmActions?: string[];
    Metrics?: unknown[];
  }[];
  /** What CloudWatch says that it did when an alarm was raised. */
  alarm_actions: string[];
  /** Subscriptions of each topic, by its ARN. */
  readonly subscriptions: Map<string, { protocol: string; endpoint: string; arn: string }[]>;
}

type Input = Record<string, unknown>;

export const alarmOperations: Readonly<Record<string, (account: TestAlarms, input: Input) => unknown>> = {
  DescribeAlarms({ alarms }, input) {
    const { AlarmNamePrefix, AlarmNames } = input as { AlarmNamePrefix?: string; AlarmNames?: string[] };
    const found = alarms.filter(
      ({ AlarmName }) => AlarmNames?.includes(AlarmName) ?? AlarmName.startsWith(AlarmNamePrefix ?? ''),
    );
    return { MetricAlarms: found, CompositeAlarms: [] };
  },
  SetAlarmState({ alarms }, { AlarmName, StateValue }) {
    const alarm = alarms.find((one) => one.AlarmName === AlarmName);
    if (alarm === undefined) throw new AwsError('ResourceNotFound', `${AlarmName} is not there`, 404);
    alarm.StateValue = String(StateValue);
    return {};
  },
  DescribeAlarmHistory: ({ alarm_actions }) => ({
    AlarmHistoryItems: alarm_actions.map((HistorySummary) => ({ HistorySummary })),
  }),
};

/** The answer of SNS: one on a page, so that a list of two has a second page. */
export function listSubscriptions({ subscriptions }: TestAlarms, input: URLSearchParams): string {
  const all = subscriptions.get(input.get('TopicArn') ?? '') ?? [];
  const at = Number(input.get('NextToken') ?? '0');
  const members = all
    .slice(at, at + 1)
    .map(
      ({ protocol, endpoint, arn }) =>
        `<member><SubscriptionArn>${arn}</SubscriptionArn><Protocol>${protocol}</Protocol><Endpoint>${endpoint}</Endpoint></member>`,
    );
  const next = at + 1 < all.length ? `<NextToken>${at + 1}</NextToken>` : '';
  return (
    '<ListSubscriptionsByTopicResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ListSubscriptionsByTopicResult>' +
    `<Subscriptions>${members.join('')}</Subscriptions>${next}</ListSubscriptionsByTopicResult></ListSubscriptionsByTopicResponse>`
  );
}
