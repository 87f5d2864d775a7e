/** What the templates protect: permissions, what is public, what is encrypted, and what outlives its stack. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Procedure, procedureNames, procedures } from '../../lib/procedures.ts';
import { routeNames, routes } from '../../lib/routes.ts';
import { golden, permissions, regenerate, stateful, statefulIds, statementsOf } from './golden.ts';
import { type Json, nameOf, type Properties, type Resource, synthesise } from './templates.ts';

describe('the permissions of production', async () => {
  const templates = await synthesise('production');
  const needsOf = new Map<string, readonly string[]>([
    ...routeNames.map((name) => [name, routes[name].needs] as const),
    ...procedureNames.map((name) => [name, (procedures[name] as Procedure).needs] as const),
  ]);

  /** Every allowed action of a function, with the part of the resource that it is for. */
  function allowed(fn: Resource): string[] {
    const role = templates.target(fn.part, fn.properties.Role) as Resource;
    return statementsOf(templates, role).flatMap(([part, { Effect, Action, Resource }]) =>
      Effect === 'Deny'
        ? []
        : [Action].flat().flatMap((action) => [Resource].flat().map((one) => `${action} ${templates.text(part, one as Json)}`)),
    );
  }

  it(`are those of test/golden/permissions.txt (after a change on purpose: ${regenerate})`, () => {
    assert.equal(permissions(templates), golden('permissions.txt'));
  });

  for (const [name, needs] of needsOf) {
    it(`of ${name} are what its needs say: ${needs.join(', ') || 'none'}`, () => {
      const fn = templates.all.find(({ properties }) => properties.FunctionName === `oauth2-production-${name}`) as Resource;
      const actions = allowed(fn);
      const some = (pattern: RegExp) => actions.some((action) => pattern.test(action));
      assert.equal(some(/^rds-db:connect .*data\/(proxy|database)\//), needs.includes('database'));
      assert.equal(some(/^rds-db:connect .*data\/database\/oauth2_migrator$/), needs.includes('schema'));
      assert.equal(some(/^rds-db:connect .*:dbuser:\*\/oauth2_backup$/), needs.includes('dump'));
      assert.equal(some(/^rds-db:connect .*data\/database\/(?!oauth2_migrator$)/), false);
      assert.equal(some(/^rds:(Restore|Delete)\w+ /), needs.includes('instances'));
      assert.equal(some(/^rds:Delete\w+ (?!.*:db:oauth2-production-rewound-\*$)/), false);
      const writes = needs.includes('backups-write');
      assert.equal(some(/^s3:GetObject backups\//), writes || needs.includes('backups'));
      const trails = needs.includes('trail-write');
      assert.equal(some(/^s3:Put\w+ backups\/backups\/2/), writes);
      assert.equal(some(/^s3:Put\w+ backups\/backups\/trail\/\*/), trails);
      assert.equal(some(/^s3:Put\w+ backups\//), writes || trails);
      assert.equal(some(/^s3:(Delete|Bypass)/), false);
      const signs = needs.includes('signing') || needs.includes('signing-write');
      assert.equal(some(/^secretsmanager:GetSecretValue keys\/signingkeys$/), signs);
      assert.equal(some(/^kms:Decrypt keys\//), signs);
      assert.equal(some(/^secretsmanager:(Put|Update).* keys\/signingkeys$/), needs.includes('signing-write'));
      assert.equal(some(/^secretsmanager:GetSecretValue data\//), needs.includes('administration'));
      assert.equal(some(/^events:PutEvents events\/bus$/), needs.includes('events'));
    });
  }

  it('name a resource, but for what AWS grants only for all', () => {
    // The number of a release that is to come is not known, nor the key of a backup or the instance for a restore; and what names every function is too long.
    const forced =
      /^((xray:Put(TraceSegments|TelemetryRecords)|ec2:\w+(NetworkInterfaces?|Subnets|PrivateIpAddresses)) |ssm:\w+ .*:parameter\/oauth2\/production\/releases\/|s3:\w+ backups\/backups\/(2\* backups\/backups\/trail\/|2|trail\/)|rds:Describe\w+ .*:db:|rds:(Restore|Delete)\w+ .*:db:oauth2-production-rewound-|rds:Restore\w+ .*:(og:default:postgres-|auto-backup:)|lambda:GetAlias .*:function:oauth2-production-|logs:(\w+LogDeliver(y|ies)|PutResourcePolicy|Describe(ResourcePolicies|LogGroups)) )\*$/;
    for (const role of templates.some('AWS::IAM::Role')) {
      for (const [part, { Effect, Action, Resource }] of statementsOf(templates, role)) {
        for (const action of Effect === 'Deny' ? [] : [Action].flat()) {
          const line = `${action} ${templates.text(part, Resource)}`;
          assert.ok(!/\*$/.test(line) || forced.test(line), `${role.id}: ${line}`);
          assert.doesNotMatch(action, /\*/, `${role.id}: ${action}`);
        }
      }
    }
  });

  it('hold no managed policy', () => {
    for (const role of templates.some('AWS::IAM::Role')) assert.equal(role.properties.ManagedPolicyArns, undefined, role.id);
  });
});

for (const stage of ['production', 'complete', 'dev']) {
  describe(`everything of ${stage}`, async () => {
    const templates = await synthesise(stage);

    it('is private, but for the HTTP API and what stands in front of it', () => {
      const open = [
        'AWS::Lambda::Url',
        'AWS::EC2::InternetGateway',
        'AWS::EC2::Route',
        'AWS::EC2::NatGateway',
        'AWS::EC2::EIP',
        'AWS::EC2::Instance',
      ];
      assert.deepEqual(templates.of(...open, 'AWS::ElasticLoadBalancingV2::LoadBalancer'), []);
      assert.equal(templates.some('AWS::ApiGatewayV2::Api').length, 1);
      for (const { properties } of templates.some('AWS::RDS::DBInstance')) assert.equal(properties.PubliclyAccessible, false);
      for (const { properties } of templates.some('AWS::EC2::Subnet')) assert.equal(properties.MapPublicIpOnLaunch, false);
    });

    it('talks inside the network only from group to group', () => {
      const groups = templates.some('AWS::EC2::SecurityGroup');
      assert.equal(groups.length, 9);
      for (const { id, properties } of groups) {
        assert.equal(properties.SecurityGroupIngress, undefined, id);
        // The CDK's way to write down that nothing may leave.
        for (const rule of (properties.SecurityGroupEgress ?? []) as Properties[]) {
          // Those of S3 are many and change; the only route that leads out of the network leads to it.
          const storage = nameOf(groups.find((group) => group.id === id) as Resource) === 'storageclients';
          assert.deepEqual(
            [rule.CidrIp, rule.FromPort],
            storage ? ['0.0.0.0/0', 443] : ['255.255.255.255/32', rule.FromPort],
            id,
          );
        }
      }
      for (const { properties } of templates.some('AWS::EC2::VPCEndpoint')) {
        const text = JSON.stringify(properties.PolicyDocument);
        assert.doesNotMatch(text, /"Resource":"\*"/);
        if (properties.VpcEndpointType === 'Gateway') assert.match(text, /aws:PrincipalAccount.*-backups-/);
      }
      for (const { id, properties } of templates.some('AWS::EC2::SecurityGroupIngress', 'AWS::EC2::SecurityGroupEgress')) {
        assert.ok(properties.SourceSecurityGroupId ?? properties.DestinationSecurityGroupId, id);
        assert.ok([443, 5432].includes(Number(properties.FromPort)), id);
        assert.equal(properties.FromPort, properties.ToPort, id);
      }
    });

    it('opens to no principal but services and this account', () => {
      for (const { id, properties } of templates.some('AWS::SQS::QueuePolicy', 'AWS::SNS::TopicPolicy', 'AWS::KMS::Key')) {
        const document = (properties.PolicyDocument ?? properties.KeyPolicy) as unknown as { Statement: readonly Properties[] };
        for (const { Effect, Principal } of document.Statement) {
          if (Effect === 'Allow') assert.doesNotMatch(JSON.stringify(Principal), /"\*"/, id);
        }
      }
    });

    it('that is stored is encrypted', () => {
      for (const { properties } of templates.some('AWS::RDS::DBInstance')) {
        assert.equal(properties.StorageEncrypted, true);
        assert.equal(templates.target('data', properties.KmsKeyId)?.type, 'AWS::KMS::Key');
        assert.equal(templates.target('data', properties.PerformanceInsightsKMSKeyId)?.type, 'AWS::KMS::Key');
      }
      for (const { part, id, properties } of templates.some('AWS::SecretsManager::Secret')) {
        // By AWS's own key: one of this stage is of one region, and this secret has a copy in another.
        if (properties.ReplicaRegions) continue;
        assert.equal(templates.target(part, properties.KmsKeyId)?.type, 'AWS::KMS::Key', id);
      }
      for (const { id, properties } of templates.some('AWS::SQS::Queue')) assert.equal(properties.SqsManagedSseEnabled, true, id);
      for (const { part, id, properties } of templates.some('AWS::SNS::Topic')) {
        assert.equal(templates.target(part, properties.KmsMasterKeyId)?.type, 'AWS::KMS::Key', id);
      }
      for (const { id, properties } of templates.some('AWS::KMS::Key')) assert.equal(properties.EnableKeyRotation, true, id);
    });

    it('that travels is encrypted', () => {
      assert.equal(templates.one('data', 'AWS::RDS::DBProxy').properties.RequireTLS, true);
      const { Parameters } = templates.one('data', 'AWS::RDS::DBParameterGroup').properties as { Parameters: Properties };
      assert.equal(Parameters['rds.force_ssl'], '1');
      for (const { properties } of templates.some('AWS::Lambda::Function')) {
        const { Variables = {} } = (properties.Environment ?? {}) as { Variables?: Properties };
        if (Variables.OAUTH2_DATABASE_HOST) assert.equal(Variables.OAUTH2_DATABASE_TLS, 'require');
      }
      for (const { properties } of templates.of('AWS::ApiGatewayV2::DomainName')) {
        assert.match(JSON.stringify(properties.DomainNameConfigurations), /"SecurityPolicy":"TLS_1_2"/);
      }
      for (const { properties } of templates.of('AWS::CloudFront::Distribution')) {
        const text = JSON.stringify(properties.DistributionConfig);
        assert.match(text, /"MinimumProtocolVersion":"TLSv1.2_2021"/);
        assert.doesNotMatch(text, /allow-all|http-only|match-viewer/);
      }
      for (const { id, properties } of templates.some('AWS::SQS::QueuePolicy', 'AWS::SNS::TopicPolicy')) {
        assert.match(JSON.stringify(properties.PolicyDocument), /"aws:SecureTransport":"false"/, id);
      }
    });

    it('authenticates to the database by IAM alone', () => {
      const proxy = templates.one('data', 'AWS::RDS::DBProxy').properties;
      assert.equal(proxy.DefaultAuthScheme, 'IAM_AUTH');
      assert.equal(proxy.Auth, undefined);
      const instance = templates.one('data', 'AWS::RDS::DBInstance').properties;
      assert.equal(instance.EnableIAMDatabaseAuthentication, true);
      // The administrator's password is RDS's to make and to replace.
      assert.equal(instance.ManageMasterUserPassword, true);
      assert.equal(instance.MasterUserPassword, undefined);
    });
  });
}

describe('what is stored in production', async () => {
  const templates = await synthesise('production');

  it(`keeps its logical ids (golden; after a change on purpose: ${regenerate})`, () => {
    assert.equal(statefulIds(templates), golden('stateful.txt'));
  });

  it('outlives its stack, whatever becomes of it', () => {
    for (const { id, deletion, replacement } of templates.some(...stateful))
      assert.deepEqual([deletion, replacement], ['RetainExceptOnCreate', 'Retain'], id);
  });

  it('holds back nothing that CloudFormation would have to delete: what the database uses stays with it', () => {
    for (const { id, deletion } of templates.some('AWS::RDS::DBSubnetGroup', 'AWS::RDS::DBParameterGroup'))
      assert.equal(deletion, 'RetainExceptOnCreate', id);
  });

  it('can be recovered to a point in time, and the database refuses to be deleted', () => {
    const { properties } = templates.one('data', 'AWS::RDS::DBInstance');
    assert.equal(properties.DeletionProtection, true);
    assert.equal(properties.DeleteAutomatedBackups, false);
    assert.equal(properties.BackupRetentionPeriod, 35);
    assert.equal(properties.MultiAZ, true);
    assert.deepEqual(properties.EnableCloudwatchLogsExports, ['postgresql', 'upgrade']);
    assert.equal(properties.EnablePerformanceInsights, true);
  });

  it('has every parameter of the database as code', () => {
    const { Family, Parameters } = templates.one('data', 'AWS::RDS::DBParameterGroup').properties as {
      Family: Json;
      Parameters: Properties;
    };
    assert.equal(Family, 'postgres17');
    for (const name of ['max_connections', 'shared_buffers', 'work_mem', 'log_min_duration_statement', 'rds.force_ssl']) {
      assert.ok(Parameters[name], name);
    }
    assert.match(String(Parameters.shared_preload_libraries), /pg_stat_statements/);
  });
});
