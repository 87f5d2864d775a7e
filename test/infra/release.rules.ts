/** How new code takes over and is recorded: canaries that alarms stop, everything at once where nobody depends on it, and the last step of a deploy. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Stack } from 'aws-cdk-lib';
import type { Alarm } from '../../lib/alarm.ts';
import { alarmNames, alarms } from '../../lib/alarms.ts';
import { procedureNames } from '../../lib/procedures.ts';
import { routeNames } from '../../lib/routes.ts';
import { stackParts, stages } from '../../lib/stages.ts';
import { buildStage } from './stand-ins.ts';
import { type Json, type Properties, type Resource, synthesise, type Templates } from './templates.ts';

const aliasesOf = (templates: Templates, part: string) => templates.some('AWS::Lambda::Alias').filter((one) => one.part === part);

describe('new code of production', async () => {
  const templates = await synthesise('production');

  it('gets a tenth of the requests of its endpoint at first, for longer than the alarms take that stop it', () => {
    const { properties } = templates.one('api', 'AWS::CodeDeploy::DeploymentConfig');
    const { TimeBasedCanary } = properties.TrafficRoutingConfig as unknown as { TimeBasedCanary: Record<string, number> };
    const { percent, minutes } = stages.production.canary;
    assert.deepEqual(TimeBasedCanary, { CanaryPercentage: percent, CanaryInterval: minutes });
    for (const name of alarmNames) if ((alarms[name] as Alarm).stops_deploy) assert.ok(minutes > alarms[name].minutes, name);
  });

  it('takes over each endpoint through a deployment group of its own', () => {
    const aliases = aliasesOf(templates, 'api');
    assert.equal(aliases.length, routeNames.length);
    const groups = new Set<string>();
    for (const { id, update_policy } of aliases) {
      const update = update_policy?.CodeDeployLambdaAliasUpdate as Properties | undefined;
      assert.equal(templates.target('api', update?.ApplicationName)?.type, 'AWS::CodeDeploy::Application', id);
      const group = templates.target('api', update?.DeploymentGroupName) as Resource;
      assert.equal(group.type, 'AWS::CodeDeploy::DeploymentGroup', id);
      groups.add(group.id);
    }
    assert.equal(groups.size, aliases.length);
  });

  it('is taken back by the alarms on errors, response time and readiness, which are there by these names', () => {
    const there = templates.some('AWS::CloudWatch::Alarm').map(({ properties }) => properties.AlarmName);
    for (const { id, properties } of templates.some('AWS::CodeDeploy::DeploymentGroup')) {
      const { Enabled, IgnorePollAlarmFailure, Alarms } = properties.AlarmConfiguration as unknown as {
        Enabled: boolean;
        IgnorePollAlarmFailure: boolean;
        Alarms: { Name: string }[];
      };
      assert.deepEqual([Enabled, IgnorePollAlarmFailure], [true, false], id);
      const names = Alarms.map(({ Name }) => Name);
      const wanted = ['HighErrorRate', 'HighResponseTime', 'NotReady'].map((name) => `oauth2-production-${name}`);
      assert.deepEqual(names, wanted, id);
      for (const name of names) assert.ok(there.includes(name), name);
      const { Enabled: rollsBack, Events } = properties.AutoRollbackConfiguration as unknown as {
        Enabled: boolean;
        Events: string[];
      };
      assert.ok(rollsBack && Events.includes('DEPLOYMENT_STOP_ON_ALARM') && Events.includes('DEPLOYMENT_FAILURE'), id);
    }
  });

  it('of procedures, which have no traffic to divide, takes over at once', () => {
    assert.equal(templates.of('AWS::CodeDeploy::DeploymentGroup').length, aliasesOf(templates, 'api').length);
  });

  it('is watched by the readiness check itself, every minute through the alias that shifts', () => {
    const watch = templates.some('AWS::Scheduler::Schedule').filter(({ part }) => part === 'api');
    assert.equal(watch.length, 1);
    const { Target, ScheduleExpression } = (watch[0] as Resource).properties as { Target: Properties; ScheduleExpression: Json };
    assert.equal(ScheduleExpression, 'rate(1 minute)');
    const alias = templates.target('api', Target.Arn) as Resource;
    const fn = templates.target('api', alias.properties.FunctionName) as Resource;
    assert.equal(fn.properties.FunctionName, 'oauth2-production-ready');
    assert.equal((templates.target('api', (Target.DeadLetterConfig as Properties).Arn) as Resource).type, 'AWS::SQS::Queue');
    assert.equal(JSON.parse(String(Target.Input)).rawPath, '/ready');
  });
});

it('new code of dev takes over at once', async () => {
  const templates = await synthesise('dev');
  for (const kind of ['Application', 'DeploymentGroup', 'DeploymentConfig'])
    assert.deepEqual(templates.of(`AWS::CodeDeploy::${kind}`), []);
});

for (const stage of ['production', 'dev', 'emulator']) {
  describe(`the record of a release of ${stage}`, async () => {
    const templates = await synthesise(stage);
    const record = templates.one('api', 'Custom::Release');

    it('is written after every alias of an endpoint has moved; those of procedures are of the stack before', async () => {
      for (const { id } of aliasesOf(templates, 'api')) assert.ok(record.depends_on.includes(id), id);
      const { api, ops } = await buildStage(stage);
      assert.ok(api.dependencies.includes(ops));
    });

    it('names every function, and may read the aliases of its own stage alone', () => {
      const names = [...routeNames, ...procedureNames].toSorted();
      assert.deepEqual(record.properties.functions, names);
      const recorder = templates.target('api', record.properties.ServiceToken) as Resource;
      const role = templates.target('api', recorder.properties.Role);
      const policy = templates
        .some('AWS::IAM::Policy')
        .find(({ part, properties }) => part === 'api' && templates.target(part, (properties.Roles as Json[])[0]) === role);
      const text = templates.text('api', policy?.properties.PolicyDocument === undefined ? '' : resourcesOf(policy));
      assert.match(text, new RegExp(`function:oauth2-${stage}-\\*( |$)`));
      assert.doesNotMatch(text, /function:\*/);
    });

    it('is of this deploy: its migration, its commit, its address', () => {
      const { schema_version, commit, release, issuer, stage: named } = record.properties;
      assert.match(String(schema_version), /^\d+$/);
      assert.deepEqual([commit, release, named], ['unknown', 'unreleased', stage]);
      assert.ok(issuer);
    });
  });
}

/** All resources that a policy names. */
function resourcesOf({ properties }: Resource): Json {
  const { Statement } = properties.PolicyDocument as unknown as { Statement: { Resource: Json }[] };
  return Statement.map(({ Resource }) => Resource);
}

describe('the record of a release', () => {
  it('is written anew when any function changes, one of another stack too, and only then', async () => {
    const versionsOf = async (change: (stacks: Awaited<ReturnType<typeof buildStage>>) => void) => {
      const stacks = await buildStage('dev');
      change(stacks);
      const { Resources } = stacks.app.synth().getStackByName('oauth2-dev-api').template as {
        Resources: Record<string, { Type: string; Properties: { versions?: string } }>;
      };
      return Object.values(Resources).find(({ Type }) => Type === 'Custom::Release')?.Properties.versions;
    };
    const first = await versionsOf(() => {});
    assert.match(String(first), /^[0-9a-f]{32}$/);
    assert.equal(await versionsOf(() => {}), first);
    assert.notEqual(
      await versionsOf(({ ops }) => void ops.functions.get('status')?.lambda.addEnvironment('CHANGED', '1')),
      first,
    );
    assert.notEqual(await versionsOf(({ api }) => void api.functions.get('token')?.lambda.addEnvironment('CHANGED', '1')), first);
  });

  it('does not appear where nothing is deployed', async () => {
    assert.deepEqual(
      (await synthesise('local')).of('Custom::Release', 'AWS::Scheduler::Schedule').filter(({ part }) => part === 'api'),
      [],
    );
  });
});

describe('the stacks of a stage', () => {
  it('are those that the tool removes, each deployed after what it uses', async () => {
    const { app } = await buildStage('complete');
    const stacks = app.node.children.filter((child) => Stack.isStack(child));
    const order = stackParts.map((part) => `oauth2-complete-${part}`);
    assert.deepEqual(stacks.map(({ node }) => node.id).toSorted(), order.toSorted());
    for (const stack of stacks)
      for (const used of stack.dependencies)
        assert.ok(order.indexOf(used.node.id) < order.indexOf(stack.node.id), `${stack.node.id} uses ${used.node.id}`);
  });
});
