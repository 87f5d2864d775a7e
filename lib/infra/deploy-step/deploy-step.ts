/** A procedure as a step of the deploy: what depends on it is only created or changed once it has succeeded. */
import { CustomResource, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { instanceName } from '../../stages.ts';
import type { CheckedStage } from '../read-stage.ts';
import type { ServerFunction } from '../server-function.ts';

export interface DeployStepsProps {
  /** Folder with the bundle of this folder's `handler.ts`. */
  readonly folder: string;
  readonly stage: CheckedStage;
}

/** Longest that CloudFormation's caller may wait for a procedure; Lambda's own limit. */
const seconds = 900;

export class DeploySteps extends Construct {
  readonly #runner: LambdaFunction;
  readonly #role: Role;
  readonly #release: string;
  /** RDS's name of the database, where it is one of the stage: an empty one in its place wants the steps again. */
  readonly #instance: string | undefined;

  constructor(scope: Construct, id: string, { folder, stage }: DeployStepsProps) {
    super(scope, id);
    this.#release = stage.release;
    this.#instance = stage.database.kind === 'managed' ? instanceName(stage.name, stage.database) : undefined;
    const logGroup = new LogGroup(this, 'logs', {
      retention: stage.log_days as RetentionDays,
      removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    this.#role = new Role(this, 'role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(this.#role);
    this.#runner = new LambdaFunction(this, 'runner', {
      description: 'Runs procedures in the middle of a deploy',
      code: Code.fromAsset(folder),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: Duration.seconds(seconds),
      memorySize: 256,
      role: this.#role,
      logGroup,
    });
  }

  /**
   * Runs the procedure once in each deploy that brings another version of it, of the one that is asked, or of the database's instance.
   * @param asked only where the plan of this one wants a backup is the procedure run
   */
  run(
    procedure: string,
    { live }: ServerFunction,
    input: object = {},
    asked?: readonly [name: string, ServerFunction],
  ): CustomResource {
    // A policy for each step: in one for all, a step would wait for functions that wait for it.
    const policy = new Policy(this, `${procedure}-policy`, {
      roles: [this.#role],
      statements: [
        new PolicyStatement({
          actions: ['lambda:InvokeFunction'],
          resources: [live, ...(asked ? [asked[1].live] : [])].map((one) => one.functionArn),
        }),
      ],
    });
    const step = new CustomResource(this, procedure, {
      serviceToken: this.#runner.functionArn,
      resourceType: 'Custom::Procedure',
      serviceTimeout: Duration.seconds(seconds),
      properties: {
        function_arn: live.functionArn,
        procedure,
        release: this.#release,
        version: live.version.version,
        input: JSON.stringify(input),
        ...(this.#instance !== undefined && { instance: this.#instance }),
        ...(asked && { asked: asked[0], asked_arn: asked[1].live.functionArn, asked_version: asked[1].live.version.version }),
      },
    });
    step.node.addDependency(policy);
    return step;
  }
}
