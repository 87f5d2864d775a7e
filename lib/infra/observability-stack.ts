/** What tells the operator: topics by severity, alarms, dashboard and saved queries. */
import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import type { AlarmBase } from 'aws-cdk-lib/aws-cloudwatch';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { memoryBytes } from '../instance-memory.ts';
import { instanceName } from '../stages.ts';
import { ruleOfCopies } from './backup-copies.ts';
import type { BackupStack } from './backup-stack.ts';
import { addBurnAlarms } from './burn-alarms.ts';
import { addDashboard } from './dashboard.ts';
import type { EventsStack } from './events-stack.ts';
import type { Measured } from './metrics.ts';
import type { NetworkStack } from './network-stack.ts';
import type { OpsStack } from './ops-stack.ts';
import type { CheckedStage } from './read-stage.ts';
import { addSavedQueries } from './saved-queries.ts';
import { addAlarms, type Topics } from './server-alarms.ts';

export interface ObservabilityStackProps extends StackProps {
  readonly stage: CheckedStage;
  readonly network: NetworkStack;
  readonly ops: OpsStack;
  readonly backups: BackupStack;
  readonly events?: EventsStack;
}

export class ObservabilityStack extends Stack {
  readonly topics: Topics;
  readonly alarms: ReadonlyMap<string, AlarmBase>;

  constructor(scope: Construct, id: string, { stage, network, ops, backups, events, ...props }: ObservabilityStackProps) {
    super(scope, id, props);
    const { database } = stage;
    const measured: Measured = {
      stage_name: stage.name,
      api_id: network.api.apiId,
      failed_queue: ops.schedules.failed.queueName,
      ...(backups.copies && {
        replication: { bucket: backups.bucket.bucketName, copies: backups.copies.bucket, rule: ruleOfCopies },
      }),
      ...(events && { dropped_queue: events.dropped.queueName }),
      ...(stage.domain && { certificate_arn: stage.domain.certificate_arn }),
      ...(database.kind === 'managed' && {
        database: {
          instance: instanceName(stage.name, database),
          proxy: `oauth2-${stage.name}`,
          memory_bytes: memoryBytes(database.instance_class),
        },
      }),
    };
    const key = new Key(this, 'topics-key', {
      description: `oauth2 ${stage.name}: encrypts what alarms say`,
      enableKeyRotation: true,
      removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    );
    const topic = (severity: 'critical' | 'warning'): ITopic => {
      const made = new Topic(this, severity, {
        topicName: `oauth2-${stage.name}-${severity}`,
        masterKey: key as IKey,
        enforceSSL: true,
      });
      // A policy of its own takes the place of SNS's default one, which would have let alarms of the account in.
      made.addToResourcePolicy(
        new PolicyStatement({
          principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
          actions: ['sns:Publish'],
          resources: [made.topicArn],
          conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
        }),
      );
      for (const address of stage.alarm_emails[severity]) made.addSubscription(new EmailSubscription(address));
      return made;
    };
    this.topics = { critical: topic('critical'), warning: topic('warning') };
    const computes = !stage.lacks?.includes('metric math');
    this.alarms = new Map<string, AlarmBase>([
      ...addAlarms(this, measured, this.topics, computes),
      ...(computes ? addBurnAlarms(this, measured, this.topics) : []),
    ]);
    // Those of single functions would fill the page; the graphs below it show them.
    const shown = [...this.alarms].filter(([name]) => !name.includes('-')).map(([, alarm]) => alarm);
    addDashboard(this, measured, shown);
    if (!stage.lacks?.includes('saved queries')) addSavedQueries(this, stage);
  }
}
