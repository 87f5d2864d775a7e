/** Lists who is told of alarms: the subscriptions of their topics, and whether each was confirmed. */

export interface Receiver {
  readonly severity: 'critical' | 'warning';
  /** `email`, `https`, `lambda` … */
  readonly protocol: string;
  readonly endpoint: string;
  /** Whether its link was opened: until then nothing is sent there. */
  readonly confirmed: boolean;
}

export const severities = ['critical', 'warning'] as const;

/** @param topics ARNs, of which the last part ends with the severity */
export async function listReceivers(topics: readonly string[]): Promise<Receiver[]> {
  const { ListSubscriptionsByTopicCommand, SNSClient } = await import('@aws-sdk/client-sns');
  const client = new SNSClient({ maxAttempts: 5, requestHandler: { requestTimeout: 20_000, connectionTimeout: 5000 } });
  const receivers: Receiver[] = [];
  try {
    for (const severity of severities)
      for (const TopicArn of topics.filter((topic) => topic.endsWith(`-${severity}`)))
        for (let NextToken: string | undefined, more = true; more; more = NextToken !== undefined) {
          const page = await client.send(
            new ListSubscriptionsByTopicCommand({ TopicArn, ...(NextToken !== undefined && { NextToken }) }),
          );
          for (const { Protocol = '', Endpoint = '', SubscriptionArn = '' } of page.Subscriptions ?? [])
            receivers.push({ severity, protocol: Protocol, endpoint: Endpoint, confirmed: SubscriptionArn.startsWith('arn:') });
          NextToken = page.NextToken;
        }
    return receivers;
  } finally {
    client.destroy();
  }
}

/** In words, such as `ops@example.com (email)`. */
export const nameReceiver = ({ endpoint, protocol }: Receiver): string => `${endpoint} (${protocol})`;
