/** CodeDeploy in front of the endpoints' aliases: a new version gets a part of the traffic first, and alarms take it back by themselves. */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { CfnApplication, CfnDeploymentConfig, CfnDeploymentGroup } from 'aws-cdk-lib/aws-codedeploy';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { CfnAlias } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Alarm } from '../alarm.ts';
import { alarmNames, alarms } from '../alarms.ts';
import type { CheckedStage } from './read-stage.ts';
import type { ServerFunction } from './server-function.ts';

export interface ShiftTrafficProps {
  readonly stage: CheckedStage;
  readonly canary: NonNullable<CheckedStage['canary']>;
  readonly functions: ReadonlyMap<string, ServerFunction>;
}

export class ShiftTraffic extends Construct {
  constructor(scope: Construct, id: string, { stage, canary, functions }: ShiftTrafficProps) {
    super(scope, id);
    const stack = Stack.of(this);
    // By name: the alarms' stack comes after this one, and CodeDeploy first asks for them at the second deploy.
    const watched = alarmNames
      .filter((name) => (alarms[name] as Alarm).stops_deploy)
      .map((name) => `oauth2-${stage.name}-${name}`);
    const role = new Role(this, 'role', { assumedBy: new ServicePrincipal('codedeploy.amazonaws.com') });
    const arns = [...functions.values()].map(({ lambda }) => lambda.functionArn);
    const policy = new Policy(this, 'policy', {
      roles: [role],
      statements: [
        new PolicyStatement({ actions: ['lambda:GetAlias', 'lambda:UpdateAlias'], resources: arns }),
        new PolicyStatement({
          actions: ['lambda:GetProvisionedConcurrencyConfig'],
          // By the function's ARN, not the alias's own: the alias waits for its deployment group, and that for this policy.
          resources: [...functions.values()].map(({ lambda, live }) => `${lambda.functionArn}:${live.aliasName}`),
        }),
        new PolicyStatement({
          actions: ['cloudwatch:DescribeAlarms'],
          resources: watched.map((name) =>
            stack.formatArn({
              service: 'cloudwatch',
              resource: 'alarm',
              resourceName: name,
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          ),
        }),
      ],
    });
    const application = new CfnApplication(this, 'application', { computePlatform: 'Lambda' });
    const config = new CfnDeploymentConfig(this, 'canary', {
      computePlatform: 'Lambda',
      trafficRoutingConfig: {
        type: 'TimeBasedCanary',
        timeBasedCanary: { canaryPercentage: canary.percent, canaryInterval: canary.minutes },
      },
    });
    for (const [name, { live }] of functions) {
      const group = new CfnDeploymentGroup(this, `${name}-group`, {
        applicationName: application.ref,
        deploymentConfigName: config.ref,
        serviceRoleArn: role.roleArn,
        deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
        // An alarm that cannot be asked stops the deploy, too.
        alarmConfiguration: { enabled: true, ignorePollAlarmFailure: false, alarms: watched.map((alarm) => ({ name: alarm })) },
        autoRollbackConfiguration: {
          enabled: true,
          events: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM', 'DEPLOYMENT_STOP_ON_REQUEST'],
        },
      });
      group.node.addDependency(policy);
      (live.node.defaultChild as CfnAlias).cfnOptions.updatePolicy = {
        codeDeployLambdaAliasUpdate: { applicationName: application.ref, deploymentGroupName: group.ref },
      };
    }
  }
}
