/** Brings what functions publish in their logs to the procedure that adds it up, and keeps what it could not take for later. */
import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import { CfnEventSourceMapping, CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { CfnSubscriptionFilter } from 'aws-cdk-lib/aws-logs';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { metricNamespace } from '../metrics.ts';
import { functionName } from '../procedures.ts';
import type { CheckedStage } from './read-stage.ts';
import type { ServerFunction } from './server-function.ts';

/** Lines in embedded metric format of this server, and no others. */
const metricLines = `{ $._aws.CloudWatchMetrics[0].Namespace = "${metricNamespace}" }`;
/** The same by words; what else has them the aggregator leaves out. */
const metricWords = `"CloudWatchMetrics" "${metricNamespace}"`;

export interface MetricSubscriptionsProps {
  readonly stage: CheckedStage;
  readonly aggregator: ServerFunction;
  /** Gets what could not be added up for a day. */
  readonly failed: Queue;
}

/** Minutes after which a batch that failed is tried again; half a minute is the longest run. */
const pauseMinutes = 3;

export class MetricSubscriptions extends Construct {
  readonly #aggregator: ServerFunction;
  readonly #permission: CfnPermission;
  readonly #pattern: string;

  constructor(scope: Construct, id: string, { stage, aggregator, failed }: MetricSubscriptionsProps) {
    super(scope, id);
    this.#aggregator = aggregator;
    this.#pattern = stage.lacks?.includes('field patterns') ? metricWords : metricLines;
    const { account } = Stack.of(this);
    // One for all: a function's policy has room for some sixty.
    this.#permission = new CfnPermission(this, 'permission', {
      action: 'lambda:InvokeFunction',
      principal: 'logs.amazonaws.com',
      functionName: aggregator.live.functionArn,
      sourceAccount: account,
      sourceArn: Stack.of(this).formatArn({
        service: 'logs',
        resource: 'log-group',
        resourceName: `/aws/lambda/${functionName(stage.name, '*')}:*`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    });
    this.#keepWhatFailed(failed);
  }

  /** While the database is away nothing can be added up, and that hour is the one that will be asked about. */
  #keepWhatFailed(failed: Queue): void {
    const { live, role } = this.#aggregator;
    const waiting = new Queue(this, 'waiting', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(4),
      visibilityTimeout: Duration.minutes(pauseMinutes),
      deadLetterQueue: { queue: failed, maxReceiveCount: (24 * 60) / pauseMinutes },
    });
    live.configureAsyncInvoke({
      onFailure: new SqsDestination(waiting),
      retryAttempts: 1,
      maxEventAge: Duration.hours(6),
    });
    waiting.grantConsumeMessages(role);
    const mapping = new CfnEventSourceMapping(this, 'again', {
      eventSourceArn: waiting.queueArn,
      functionName: live.functionArn,
      batchSize: 10,
    });
    mapping.node.addDependency(role);
  }

  /** Subscribes to what a function publishes. Never to the aggregator itself: each batch would make the next one. */
  subscribe(source: ServerFunction): void {
    if (source === this.#aggregator) return;
    const filter = new CfnSubscriptionFilter(source, 'metrics', {
      filterName: 'metrics',
      logGroupName: source.logs.logGroupName,
      destinationArn: this.#aggregator.live.functionArn,
      filterPattern: this.#pattern,
    });
    if (Stack.of(source) === Stack.of(this)) filter.addResourceDependency(this.#permission);
  }
}
