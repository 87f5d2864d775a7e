/** The schedules of a stage and what follows on them: each runs one procedure, tries again, and leaves what failed in a queue. */
import { Duration, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LambdaDestination, SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { CfnSchedule, CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledgeDeadLetters } from './acknowledgements.ts';
import type { ServerFunction } from './server-function.ts';

export class Schedules extends Construct {
  /** Invocations that never reached their function, and those that failed every time. */
  readonly failed: Queue;
  readonly group_name: string;
  readonly #role: Role;

  constructor(scope: Construct, id: string, stageName: string) {
    super(scope, id);
    this.failed = new Queue(this, 'failed', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    acknowledgeDeadLetters(this.failed);
    this.group_name = new CfnScheduleGroup(this, 'group', { name: `oauth2-${stageName}` }).ref;
    const { account } = Stack.of(this);
    this.#role = new Role(this, 'role', {
      // Not on behalf of a schedule of another account.
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
    });
    this.failed.grantSendMessages(this.#role);
  }

  /**
   * Says what follows on a run that nobody waits for.
   * @param comesAgain whether the next run does what a failed one could not, so that nothing has to be kept of it
   * @param next gets the result where it succeeded
   */
  follow({ live }: ServerFunction, comesAgain: boolean, next?: ServerFunction): void {
    live.configureAsyncInvoke({
      ...(next && { onSuccess: new LambdaDestination(next.live as IFunction) }),
      retryAttempts: 2,
      ...(comesAgain
        ? { maxEventAge: Duration.minutes(5) }
        : { onFailure: new SqsDestination(this.failed), maxEventAge: Duration.hours(1) }),
    });
  }

  /**
   * @param name of the schedule: the procedure's, and more where it has several
   * @param reason for the audit log, which tells several of one procedure apart by it
   */
  add(name: string, expression: string, { live }: ServerFunction, input: object = {}, reason = 'scheduled'): void {
    // Scheduler only hands the event over; whether the function succeeded is Lambda's to see, and `follow` says what then.
    live.grantInvoke(this.#role);
    new CfnSchedule(this, name, {
      groupName: this.group_name,
      name,
      description: `Runs ${name}`,
      scheduleExpression: expression,
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: live.functionArn,
        roleArn: this.#role.roleArn,
        input: JSON.stringify({ input, apply: true, reason, actor: 'schedule' }),
        retryPolicy: { maximumRetryAttempts: 3, maximumEventAgeInSeconds: 3600 },
        deadLetterConfig: { arn: this.failed.queueArn },
      },
    });
  }
}
