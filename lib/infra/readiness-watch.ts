/** Asks the readiness check every minute, as a request through its alias would: its alarm is to be right also while nobody else asks. */
import { Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import type { Schedules } from './schedules.ts';
import type { ServerFunction } from './server-function.ts';

/** As API Gateway sends it (payload 2.0). */
const request = {
  version: '2.0',
  routeKey: 'ANY /ready',
  rawPath: '/ready',
  rawQueryString: '',
  headers: {},
  requestContext: {
    requestId: 'readiness-watch',
    http: { method: 'GET', path: '/ready', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'readiness-watch' },
  },
  isBase64Encoded: false,
};

export interface ReadinessWatchProps {
  readonly ready: ServerFunction;
  /** Those of the procedures, whose group and queue it shares. */
  readonly schedules: Schedules;
}

export class ReadinessWatch extends Construct {
  constructor(scope: Construct, id: string, { ready, schedules }: ReadinessWatchProps) {
    super(scope, id);
    const { account } = Stack.of(this);
    const role = new Role(this, 'role', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
    });
    ready.live.grantInvoke(role);
    schedules.failed.grantSendMessages(role);
    new CfnSchedule(this, 'schedule', {
      groupName: schedules.group_name,
      name: 'ready',
      description: 'Asks the readiness check',
      scheduleExpression: 'rate(1 minute)',
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: ready.live.functionArn,
        roleArn: role.roleArn,
        input: JSON.stringify(request),
        retryPolicy: { maximumRetryAttempts: 1, maximumEventAgeInSeconds: 60 },
        deadLetterConfig: { arn: schedules.failed.queueArn },
      },
    });
  }
}
