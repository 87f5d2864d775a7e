/** The last step of a deploy: the release is recorded once every alias has moved. */
import { createHash } from 'node:crypto';
import { ArnFormat, CustomResource, Duration, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type CfnVersion, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { functionName } from '../../procedures.ts';
import { releasesPath } from '../../releases/record.ts';
import { acknowledgeAliases, acknowledgeReleaseNumbers } from '../acknowledgements.ts';
import type { CheckedStage } from '../read-stage.ts';
import type { ServerFunction } from '../server-function.ts';
import { readSourceFacts } from '../source-facts.ts';

export interface ReleaseRecordProps {
  /** Folder with the bundle of `record-release.ts`. */
  readonly folder: string;
  readonly stage: CheckedStage;
  readonly issuer: string;
  /** Every function of the stage by its name, also those of other stacks. */
  readonly functions: ReadonlyMap<string, ServerFunction>;
}

export class ReleaseRecord extends Construct {
  constructor(scope: Construct, id: string, { folder, stage, issuer, functions }: ReleaseRecordProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const logGroup = new LogGroup(this, 'logs', {
      retention: stage.log_days as RetentionDays,
      removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    const role = new Role(this, 'role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    const names = [...functions.keys()].toSorted();
    const exact = !stage.lacks?.includes('exact policies');
    const all = stack.formatArn({
      service: 'lambda',
      resource: 'function',
      resourceName: functionName(stage.name, '*'),
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    // To the emulator, reading one is listing them; and it does not see which parameters are meant.
    const reading = exact ? ['lambda:GetAlias'] : ['lambda:GetAlias', 'lambda:ListAliases'];
    role.addToPolicy(new PolicyStatement({ actions: reading, resources: [all] }));
    acknowledgeAliases(role, all);
    const path = stack.formatArn({ service: 'ssm', resource: 'parameter', resourceName: releasesPath(stage.name).slice(1) });
    role.addToPolicy(new PolicyStatement({ actions: ['ssm:GetParametersByPath'], resources: [exact ? path : '*'] }));
    const writing = ['ssm:PutParameter', 'ssm:DeleteParameters'];
    role.addToPolicy(new PolicyStatement({ actions: writing, resources: [exact ? `${path}/*` : '*'] }));
    acknowledgeReleaseNumbers(role, exact ? releasesPath(stage.name).slice(1) : undefined);
    const recorder = new LambdaFunction(this, 'recorder', {
      description: 'Records a release at the end of a deploy',
      code: Code.fromAsset(folder),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      timeout: Duration.minutes(2),
      memorySize: 256,
      role,
      logGroup,
    });
    const record = new CustomResource(this, 'record', {
      serviceToken: recorder.functionArn,
      resourceType: 'Custom::Release',
      serviceTimeout: Duration.minutes(3),
      properties: {
        stage: stage.name,
        functions: names,
        release: stage.release,
        commit: stage.commit,
        schema_version: readSourceFacts().OAUTH2_SCHEMA_VERSION,
        issuer,
        versions: Lazy.string({ produce: () => digestOf(functions) }),
      },
    });
    record.node.addDependency(role);
    for (const { live } of functions.values()) if (Stack.of(live) === stack) record.node.addDependency(live);
  }
}

/**
 * Changes whenever a version of any function does, so that CloudFormation runs the step. The numbers themselves cannot be told across
 * stacks: CloudFormation refuses to change an export that is in use. The CDK names a version after what is in it.
 */
function digestOf(functions: ReadonlyMap<string, ServerFunction>): string {
  const ids = [...functions.values()].map(({ live }) => {
    const version = live.version.node.defaultChild as CfnVersion;
    return Stack.of(version).resolve(version.logicalId) as string;
  });
  return createHash('sha256').update(ids.toSorted().join()).digest('hex').slice(0, 32);
}
