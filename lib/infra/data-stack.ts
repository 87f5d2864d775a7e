/** The managed database: RDS Postgres, its proxy, its key and its logs, and who may reach it as whom. */
import { Fn, ReferenceStrength, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnDBInstance, CfnDBParameterGroup, CfnDBProxy, CfnDBProxyTargetGroup, CfnDBSubnetGroup } from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import type { ProcedureNeed } from '../procedures.ts';
import { instanceName, instanceNames, type ManagedDatabase } from '../stages.ts';
import { acknowledgeLosableDatabase, acknowledgePort, acknowledgeRewound } from './acknowledgements.ts';
import { type Database, databaseUser, type Room } from './database.ts';
import { databaseParameters } from './database-parameters.ts';
import { databasePort, type PrivateNetwork } from './network-stack.ts';
import type { CheckedStage } from './read-stage.ts';

export interface DataStackProps extends StackProps {
  readonly stage: CheckedStage;
  readonly database: ManagedDatabase;
  readonly network: PrivateNetwork;
}

const databaseName = 'oauth2';
/** Those of RDS in the image that has Postgres's programs. */
const ownCertificates = '/opt/rds/global-bundle.pem';

export class DataStack extends Stack implements Database {
  readonly instance: CfnDBInstance;
  readonly proxy: CfnDBProxy;
  readonly #stage: string;
  /** RDS's names of the instances of all generations. */
  readonly #names: readonly string[];
  readonly #key: Key;
  readonly #subnets: CfnDBSubnetGroup;
  readonly #parameters: CfnDBParameterGroup;

  constructor(scope: Construct, id: string, { stage, database, network, ...props }: DataStackProps) {
    super(scope, id, props);
    const removalPolicy = stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
    this.#key = new Key(this, 'database-key', {
      description: `oauth2 ${stage.name}: encrypts the database, its backups and the administrator's password`,
      enableKeyRotation: true,
      removalPolicy,
    });
    this.#stage = stage.name;
    this.#names = instanceNames(stage.name, database);
    this.#subnets = new CfnDBSubnetGroup(this, 'subnets', {
      dbSubnetGroupDescription: `oauth2 ${stage.name}: isolated subnets`,
      subnetIds: network.vpc.isolatedSubnets.map((subnet) => subnet.subnetId),
    });
    this.#parameters = new CfnDBParameterGroup(this, 'parameters', {
      description: `oauth2 ${stage.name}`,
      family: 'postgres17',
      parameters: databaseParameters(database),
    });
    // A database that stays needs them: their deletion would fail, and with it that of the stack.
    for (const used of [this.#subnets, this.#parameters]) used.applyRemovalPolicy(removalPolicy);
    this.instance = this.#createInstance(stage, database, network, removalPolicy);
    this.proxy = this.#createProxy(stage, network);
  }

  admit(role: Role, needs: readonly ProcedureNeed[], room: Room): Record<string, string> {
    if (needs.includes('instances')) this.#admitInstances(role);
    if (!needs.includes('database')) return {};
    const user = databaseUser(needs, room);
    // Migrations use locks and settings of a session, by which a proxied connection would be pinned.
    const direct = needs.includes('schema');
    role.addToPolicy(
      new PolicyStatement({
        actions: ['rds-db:connect'],
        resources: [this.#userArn(direct ? this.instance.attrDbiResourceId : proxyResourceId(this.proxy), user)],
      }),
    );
    return {
      ...(needs.includes('dump') && this.#admitDump(role)),
      OAUTH2_DATABASE_HOST: direct ? this.instance.attrEndpointAddress : this.proxy.attrEndpoint,
      OAUTH2_DATABASE_PORT: String(databasePort),
      OAUTH2_DATABASE_NAME: databaseName,
      OAUTH2_DATABASE_USER: user,
      OAUTH2_DATABASE_AUTHENTICATION: 'iam',
      OAUTH2_DATABASE_TLS: 'require',
      // Lambda's own bundle of certificates has those of RDS; Node loads it only when told to.
      ...((direct || needs.includes('dump')) && {
        NODE_EXTRA_CA_CERTS: needs.includes('postgres-programs') ? ownCertificates : '/var/runtime/ca-cert.pem',
      }),
      OAUTH2_DATABASE_PREPARE: String(direct),
      ...(needs.includes('administration') && this.#admitAdministrator(role)),
    };
  }

  /** A dump is one long transaction of its own, which a proxy would only pin. */
  #admitDump(role: Role): Record<string, string> {
    // An instance that is made for a restore to an instant has an id of its own, which nobody knows before.
    const anywhere = this.#userArn('*', 'oauth2_backup');
    role.addToPolicy(new PolicyStatement({ actions: ['rds-db:connect'], resources: [anywhere] }));
    acknowledgeRewound(role, [anywhere]);
    return { OAUTH2_BACKUP_DATABASE_HOST: this.instance.attrEndpointAddress };
  }

  /** To make an instance beside this one, from its backups, and to delete no other. */
  #admitInstances(role: Role): void {
    const arnOf = (kind: string, name: string) => `arn:${this.partition}:rds:${this.region}:${this.account}:${kind}:${name}`;
    const [any, rewound] = [arnOf('db', '*'), arnOf('db', `oauth2-${this.#stage}-rewound-*`)];
    const [options, kept] = [arnOf('og', 'default:postgres-*'), arnOf('auto-backup', '*')];
    const own = this.#names.map((name) => arnOf('db', name));
    const from = [...own, arnOf('subgrp', this.#subnets.ref), arnOf('pg', this.#parameters.ref)];
    for (const [actions, resources] of [
      [['rds:DescribeDBInstances'], [any]],
      [['rds:RestoreDBInstanceToPointInTime'], [...from, rewound, options, kept]],
      [['rds:DeleteDBInstance'], [rewound]],
    ] as const)
      role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: [...resources] }));
    role.addToPolicy(
      new PolicyStatement({
        actions: ['kms:CreateGrant', 'kms:DescribeKey'],
        resources: [this.#key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `rds.${this.region}.amazonaws.com` } },
      }),
    );
    acknowledgeRewound(role, [any, rewound, options, kept]);
  }

  /** The one way to the administrator's password: to create the other roles, which need none. */
  #admitAdministrator(role: Role): Record<string, string> {
    const secret = this.instance.attrMasterUserSecretSecretArn;
    role.addToPolicy(new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [secret] }));
    role.addToPolicy(
      new PolicyStatement({
        actions: ['kms:Decrypt'],
        resources: [this.#key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${this.region}.amazonaws.com` } },
      }),
    );
    return { OAUTH2_DATABASE_ADMIN_SECRET: secret };
  }

  #createInstance(stage: CheckedStage, database: ManagedDatabase, { groups }: PrivateNetwork, removalPolicy: RemovalPolicy) {
    const identifier = instanceName(stage.name, database);
    const logs = ['postgresql', 'upgrade'].map(
      (log) =>
        new LogGroup(this, `${log}-log`, {
          logGroupName: `/aws/rds/instance/${identifier}/${log}`,
          retention: stage.log_days as RetentionDays,
          removalPolicy,
        }),
    );
    // Another generation is another resource, so that everything which is told of it is told anew.
    const { generation = 1 } = database;
    const instance = new CfnDBInstance(this, generation === 1 ? 'database' : `database-g${generation}`, {
      // A fixed name: CloudFormation then refuses to replace the instance behind our back, and does where the row has another generation.
      dbInstanceIdentifier: identifier,
      engine: 'postgres',
      engineVersion: '17',
      autoMinorVersionUpgrade: true,
      dbInstanceClass: database.instance_class,
      dbName: databaseName,
      port: String(databasePort),
      dbParameterGroupName: this.#parameters.ref,
      dbSubnetGroupName: this.#subnets.ref,
      vpcSecurityGroups: [groups.database.securityGroupId],
      publiclyAccessible: false,
      multiAz: database.multi_az,
      storageType: 'gp3',
      allocatedStorage: String(database.storage_gib),
      maxAllocatedStorage: database.storage_limit_gib,
      storageEncrypted: true,
      kmsKeyId: this.#key.keyArn,
      // RDS makes the administrator's password, keeps it in Secrets Manager and replaces it every seven days.
      masterUsername: 'oauth2_admin',
      manageMasterUserPassword: true,
      masterUserSecret: { kmsKeyId: this.#key.keyArn },
      enableIamDatabaseAuthentication: true,
      backupRetentionPeriod: database.backup_days,
      preferredBackupWindow: '01:00-01:30',
      preferredMaintenanceWindow: 'sun:03:00-sun:04:00',
      copyTagsToSnapshot: true,
      deleteAutomatedBackups: !stage.retains,
      deletionProtection: stage.retains,
      enablePerformanceInsights: true,
      performanceInsightsKmsKeyId: this.#key.keyArn,
      performanceInsightsRetentionPeriod: 7,
      enableCloudwatchLogsExports: ['postgresql', 'upgrade'],
    });
    for (const log of logs) instance.node.addDependency(log);
    instance.applyRemovalPolicy(removalPolicy);
    // An export that another stack imports cannot change, and the next generation has an address, an id and a secret of its own. The exports stay,
    // imported by nobody: a stage that was deployed with them could not lose them while it still imports them.
    instance.applyCrossStackReferenceStrength(ReferenceStrength.BOTH);
    acknowledgePort(instance);
    if (!stage.retains) acknowledgeLosableDatabase(instance);
    return instance;
  }

  #createProxy(stage: CheckedStage, { vpc, groups }: PrivateNetwork): CfnDBProxy {
    // The proxy authenticates by IAM on both its sides: no role behind it has a password.
    const role = new Role(this, 'proxy-role', { assumedBy: new ServicePrincipal('rds.amazonaws.com') });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['rds-db:connect'],
        resources: (['oauth2_api', 'oauth2_operator'] as const).map((user) =>
          this.#userArn(this.instance.attrDbiResourceId, user),
        ),
      }),
    );
    const proxy = new CfnDBProxy(this, 'proxy', {
      dbProxyName: `oauth2-${stage.name}`,
      engineFamily: 'POSTGRESQL',
      defaultAuthScheme: 'IAM_AUTH',
      requireTls: true,
      roleArn: role.roleArn,
      idleClientTimeout: 900,
      debugLogging: false,
      vpcSubnetIds: vpc.isolatedSubnets.map((subnet) => subnet.subnetId),
      vpcSecurityGroupIds: [groups.proxy.securityGroupId],
    });
    new CfnDBProxyTargetGroup(this, 'proxy-target', {
      dbProxyName: proxy.ref,
      targetGroupName: 'default',
      dbInstanceIdentifiers: [this.instance.ref],
      // What is left is for migrations, the administrator and RDS itself. A request waits less than its function may run.
      connectionPoolConfigurationInfo: { maxConnectionsPercent: 90, maxIdleConnectionsPercent: 45, connectionBorrowTimeout: 5 },
    });
    return proxy;
  }

  #userArn(resourceId: string, user: string): string {
    return `arn:${this.partition}:rds-db:${this.region}:${this.account}:dbuser:${resourceId}/${user}`;
  }
}

/** `prx-…`, the last part of the proxy's ARN, by which `rds-db:connect` names it. */
function proxyResourceId(proxy: CfnDBProxy): string {
  return Fn.select(6, Fn.split(':', proxy.attrDbProxyArn));
}
