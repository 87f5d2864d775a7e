/** The bus on which a stage tells what happened: its key, its archive, and the one function that may put events to it. */
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnArchive, CfnEventBus, CfnEventBusPolicy } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, type Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { ProcedureNeed } from '../procedures.ts';
import { settings } from '../settings.ts';
import type { Stage } from '../stages.ts';
import { acknowledgeDeadLetters } from './acknowledgements.ts';
import type { CheckedStage } from './read-stage.ts';

/** Whether the stage has a bus. */
export const hasBus = ({ settings: chosen }: Pick<Stage, 'settings'>): boolean => chosen.OAUTH2_EVENTS !== 'off';

export class EventsStack extends Stack {
  /** Events that the bus took and could not encrypt. */
  readonly dropped: Queue;
  readonly #bus: CfnEventBus;
  /** Whether only the relay may put events to it by its own policy, beside those of the roles. */
  readonly #guarded: boolean;

  constructor(scope: Construct, id: string, { stage, ...props }: StackProps & { stage: CheckedStage }) {
    super(scope, id, props);
    const removalPolicy = stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
    const name = `oauth2-${stage.name}`;
    const key = new Key(this, 'events-key', {
      description: `oauth2 ${stage.name}: encrypts events on the bus and in its archive`,
      enableKeyRotation: true,
      removalPolicy,
    });
    key.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('events.amazonaws.com')],
        actions: ['kms:DescribeKey', 'kms:Decrypt', 'kms:GenerateDataKey', 'kms:ReEncrypt*'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    );
    this.dropped = new Queue(this, 'dropped', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    acknowledgeDeadLetters(this.dropped);
    this.#bus = new CfnEventBus(this, 'bus', {
      name,
      description: 'What happened at the authorization server, as CloudEvents',
      kmsKeyIdentifier: key.keyArn,
      deadLetterConfig: { arn: this.dropped.queueArn },
    });
    this.dropped.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('events.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.dropped.queueArn],
        conditions: { ArnEquals: { 'aws:SourceArn': this.#bus.attrArn } },
      }),
    );
    this.#guarded = !stage.lacks?.includes('policies and archives of buses');
    if (!this.#guarded) return;
    const archive = new CfnArchive(this, 'archive', {
      archiveName: name,
      description: 'To replay events to a consumer that comes later, or that failed',
      sourceArn: this.#bus.attrArn,
      kmsKeyIdentifier: key.keyArn,
      retentionDays: Number(stage.settings.OAUTH2_EVENTS_RETENTION_DAYS ?? settings.OAUTH2_EVENTS_RETENTION_DAYS.default),
    });
    archive.applyRemovalPolicy(removalPolicy);
  }

  /** Grants a function what its needs say and returns the variable by which it finds the bus. */
  admit(role: Role, needs: readonly ProcedureNeed[]): Record<string, string> {
    if (!needs.includes('events')) return {};
    role.addToPolicy(new PolicyStatement({ actions: ['events:PutEvents'], resources: [this.#bus.attrArn] }));
    if (!this.#guarded) return { OAUTH2_EVENTS_BUS: this.#bus.ref };
    // An event is evidence: nobody else puts one there, whatever else he may do in this account.
    new CfnEventBusPolicy(role, 'alone', {
      eventBusName: this.#bus.ref,
      statementId: 'only-the-relay',
      statement: {
        Effect: 'Deny',
        Principal: '*',
        Action: 'events:PutEvents',
        Resource: this.#bus.attrArn,
        Condition: { ArnNotEquals: { 'aws:PrincipalArn': role.roleArn } },
      },
    });
    return { OAUTH2_EVENTS_BUS: this.#bus.ref };
  }
}
