/** One Lambda function of the server with all that belongs to it: role, log group, version and `live` alias. */
import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Alias,
  Architecture,
  Code,
  Handler,
  type IVersion,
  Function as LambdaFunction,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { functionName, type ProcedureNeed } from '../procedures.ts';
import { acknowledgeInterfaces, acknowledgeTracing } from './acknowledgements.ts';
import type { Room } from './database.ts';
import type { House } from './house.ts';
import { readSourceFacts } from './source-facts.ts';

export interface ServerFunctionProps {
  readonly house: House;
  readonly room: Room;
  readonly needs: readonly ProcedureNeed[];
  readonly purpose: string;
  readonly seconds: number;
  readonly memory_mib: number;
  /** Sandboxes that it keeps for itself and never exceeds. */
  readonly reserved?: number | undefined;
  /** Whether X-Ray has its invocations; default true. */
  readonly traced?: boolean;
  /** Variables of its own. */
  readonly environment?: Readonly<Record<string, string>>;
}

export class ServerFunction extends Construct {
  readonly role: Role;
  readonly logs: LogGroup;
  readonly lambda: LambdaFunction;
  readonly live: Alias;

  constructor(
    scope: Construct,
    name: string,
    { house, room, needs, purpose, seconds, memory_mib, reserved, traced = true, environment }: ServerFunctionProps,
  ) {
    super(scope, name);
    const { stage, network } = house;
    const bundle = house.bundles.get(name);
    if (bundle === undefined) throw new Error(`no bundle for the function "${name}"; each row of the tables needs one`);

    const fullName = functionName(stage.name, name);
    this.logs = new LogGroup(this, 'logs', {
      logGroupName: `/aws/lambda/${fullName}`,
      retention: stage.log_days as RetentionDays,
      removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    // A role of its own without managed policies: what the function may do is only what is granted beside each resource.
    this.role = new Role(this, 'role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logs.grantWrite(this.role);
    const programs = needs.includes('postgres-programs');
    const placement = network.place(needs);
    if (placement) allowInterfaces(this.role, fullName);

    this.lambda = new LambdaFunction(this, 'function', {
      functionName: fullName,
      description: purpose,
      ...(programs && !stage.lacks?.includes('container images') ? imageOf(bundle.folder) : zipOf(bundle.folder)),
      architecture: Architecture.ARM_64,
      timeout: Duration.seconds(seconds),
      memorySize: memory_mib,
      tracing: traced ? Tracing.ACTIVE : Tracing.DISABLED,
      role: this.role,
      logGroup: this.logs,
      ...placement,
      ...(reserved !== undefined && { reservedConcurrentExecutions: reserved }),
      environment: {
        OAUTH2_STAGE: stage.name,
        OAUTH2_RELEASE: stage.release,
        OAUTH2_ISSUER: network.issuer,
        ...readSourceFacts(),
        ...stage.settings,
        ...house.database.admit(this.role, needs, room),
        ...house.keys.admit(this.role, needs),
        ...house.backups.admit(this.role, needs),
        ...(programs && stage.postgres_programs !== undefined && { OAUTH2_POSTGRES_PROGRAMS: stage.postgres_programs }),
        ...house.events?.admit(this.role, needs),
        ...environment,
        POWERTOOLS_METRICS_NAMESPACE: 'oauth2_server',
        POWERTOOLS_SERVICE_NAME: `oauth2-${stage.name}`,
      },
      // A release moves aliases back to versions of before, so they have to be there.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE },
    });
    if (traced) acknowledgeTracing(this.role);
    this.live = new Alias(this, 'live', { aliasName: 'live', version: this.lambda.currentVersion as IVersion });
  }
}

const zipOf = (folder: string) => ({ code: Code.fromAsset(folder), handler: 'index.handler', runtime: Runtime.NODEJS_24_X });

/** With the programs that its Dockerfile installs; it is built when it is deployed. */
const imageOf = (folder: string) => ({
  code: Code.fromAssetImage(folder, { platform: Platform.LINUX_ARM64 }),
  handler: Handler.FROM_IMAGE,
  runtime: Runtime.FROM_IMAGE,
});

/** What Lambda itself needs to join a VPC, with the same refused to the code that runs in it. */
function allowInterfaces(role: Role, fullName: string): void {
  const actions = [
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ];
  const arn = Stack.of(role).formatArn({
    service: 'lambda',
    resource: 'function',
    resourceName: fullName,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  role.addToPolicy(new PolicyStatement({ actions, resources: ['*'] }));
  role.addToPolicy(
    new PolicyStatement({
      effect: Effect.DENY,
      actions,
      resources: ['*'],
      conditions: { ArnEquals: { 'lambda:SourceFunctionArn': arn } },
    }),
  );
  acknowledgeInterfaces(role);
}
