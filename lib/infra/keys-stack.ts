/** The private signing keys and who may read or replace them. */
import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { CfnRotationSchedule, type CfnSecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { ProcedureNeed } from '../procedures.ts';
import { acknowledgeKeyRotation } from './acknowledgements.ts';
import type { CheckedStage } from './read-stage.ts';
import type { ServerFunction } from './server-function.ts';

const reading = ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'];
const writing = ['secretsmanager:PutSecretValue', 'secretsmanager:UpdateSecretVersionStage'];

export class KeysStack extends Stack {
  readonly secret: Secret;
  readonly #key: Key;
  readonly #arn: string;

  constructor(scope: Construct, id: string, { stage, ...props }: StackProps & { stage: CheckedStage }) {
    super(scope, id, props);
    const removalPolicy = stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
    this.#key = new Key(this, 'signing-keys-key', {
      description: `oauth2 ${stage.name}: encrypts the private signing keys`,
      enableKeyRotation: true,
      removalPolicy,
    });
    this.secret = new Secret(this, 'signing-keys', {
      description: `oauth2 ${stage.name}: private signing keys, active and next`,
      encryptionKey: this.#key,
      removalPolicy,
    });
    const resource = this.secret.node.defaultChild as CfnSecret;
    // The secret starts without a value, so that no key is ever made by the template: `create-signing-keys` writes the first ring.
    resource.addPropertyDeletionOverride('GenerateSecretString');
    // What `Ref` gives is the ARN too, but an emulator's is only the name, which no policy matches.
    this.#arn = resource.attrId;
    acknowledgeKeyRotation(this.secret);
  }

  /**
   * Lets Secrets Manager rotate the secret by a function: at its times, and whenever `rotate-secret` is asked for.
   * @param scope of the function, which is in a later stack
   */
  rotate(scope: Construct, expression: string, { live }: ServerFunction): CfnRotationSchedule {
    const permission = new CfnPermission(scope, 'invoked-by-secrets-manager', {
      action: 'lambda:InvokeFunction',
      principal: 'secretsmanager.amazonaws.com',
      functionName: live.functionArn,
      sourceAccount: this.account,
      sourceArn: this.#arn,
    });
    const schedule = new CfnRotationSchedule(scope, 'rotation', {
      secretId: this.#arn,
      rotationLambdaArn: live.functionArn,
      rotationRules: { scheduleExpression: expression },
      // A deploy is no reason to rotate: the next keys may be a minute old.
      rotateImmediatelyOnUpdate: false,
    });
    schedule.addResourceDependency(permission);
    return schedule;
  }

  /** Grants a function what its needs say and returns the variable by which it finds the secret. */
  admit(role: IRole, needs: readonly ProcedureNeed[]): Record<string, string> {
    const writes = needs.includes('signing-write');
    if (!writes && !needs.includes('signing')) return {};
    role.addToPrincipalPolicy(
      new PolicyStatement({ actions: writes ? [...reading, ...writing] : reading, resources: [this.#arn] }),
    );
    role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: writes ? ['kms:Decrypt', 'kms:GenerateDataKey'] : ['kms:Decrypt'],
        resources: [this.#key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${this.region}.amazonaws.com` } },
      }),
    );
    return { OAUTH2_SIGNING_SECRET: this.#arn };
  }
}
