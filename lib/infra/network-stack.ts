/** What everything else stands in: the private network, the address at which the server is reached, and what the edge in front of it proves itself by. */
import { ArnFormat, CfnOutput, Fn, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { type CfnApi, HttpApi, IpAddressType } from 'aws-cdk-lib/aws-apigatewayv2';
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { AccountPrincipal, AnyPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { ProcedureNeed } from '../procedures.ts';
import { hasBus } from './events-stack.ts';
import { addOriginSecrets } from './origin-secret.ts';
import type { CheckedStage } from './read-stage.ts';

export const databasePort = 5432;

/** A VPC without a way out, and a security group for each kind of conversation in it. */
export interface PrivateNetwork {
  readonly vpc: IVpc;
  readonly groups: {
    /** The database instance, and the proxy in front of it. */
    readonly database: SecurityGroup;
    readonly proxy: SecurityGroup;
    /** Functions that may talk to the proxy, to the instance itself, to Secrets Manager. */
    readonly proxy_clients: SecurityGroup;
    readonly database_clients: SecurityGroup;
    readonly vault_clients: SecurityGroup;
    /** Functions that reach S3, which has a way to it and no address. */
    readonly storage_clients: SecurityGroup;
    /** Those that put events to the bus. */
    readonly bus_clients: SecurityGroup;
  };
}

/** Where a function's network interface is. */
export interface Placement {
  readonly vpc: IVpc;
  readonly securityGroups: SecurityGroup[];
}

export class NetworkStack extends Stack {
  /** The API without routes: it is here because every function is told the issuer, which may be its address. */
  readonly api: HttpApi;
  readonly issuer: string;
  /** Path of the issuer without a trailing slash, `''` where it has none. */
  readonly issuer_path: string;
  readonly private?: PrivateNetwork;
  readonly #hasBus: boolean;
  readonly #zoneNames: string[] | undefined;

  constructor(scope: Construct, id: string, { stage, ...props }: StackProps & { stage: CheckedStage }) {
    super(scope, id, props);
    this.#hasBus = hasBus(stage);
    this.#zoneNames = stage.network?.zone_names && [...stage.network.zone_names];
    this.api = new HttpApi(this, 'api', {
      apiName: `oauth2-${stage.name}`,
      createDefaultStage: false,
      // A second door beside the domain would go around whatever guards it.
      disableExecuteApiEndpoint: stage.domain !== undefined,
      ipAddressType: IpAddressType.DUAL_STACK,
    });
    const issuer = stage.issuer ?? (stage.domain && `https://${stage.domain.name}`);
    this.issuer = issuer ?? this.api.apiEndpoint;
    // Kept also where nothing imports it any more: a stage that gets a domain could not lose it while its functions still import it.
    this.exportValue((this.api.node.defaultChild as CfnApi).attrApiEndpoint);
    this.issuer_path = issuer === undefined ? '' : new URL(issuer).pathname.replace(/\/$/, '');
    new CfnOutput(this, 'issuer', {
      value: this.issuer,
      description: 'The issuer identifier, under which clients find everything',
    });
    addOriginSecrets(this, stage);
    if (stage.network) this.private = this.#build(stage, stage.network);
  }

  /** Those that the stage names, or the first ones of the region: looking them up would need credentials at synth. */
  override get availabilityZones(): string[] {
    return this.#zoneNames ?? [0, 1, 2].map((index) => Fn.select(index, Fn.getAzs()));
  }

  /** Whether and where a function with these needs joins the VPC: only to reach what is in there. */
  place(needs: readonly ProcedureNeed[]): Placement | undefined {
    if (!this.private || !needs.includes('database')) return undefined;
    const { vpc, groups } = this.private;
    const securityGroups = [needs.includes('schema') ? groups.database_clients : groups.proxy_clients];
    if (needs.some((need) => need === 'signing' || need === 'signing-write' || need === 'administration')) {
      securityGroups.push(groups.vault_clients);
    }
    if (needs.includes('dump')) securityGroups.push(groups.database_clients);
    if (needs.some((need) => need === 'backups' || need === 'backups-write' || need === 'trail-write'))
      securityGroups.push(groups.storage_clients);
    if (needs.includes('events') && this.#hasBus) securityGroups.push(groups.bus_clients);
    return { vpc, securityGroups };
  }

  #build(stage: CheckedStage, { cidr, zones }: NonNullable<CheckedStage['network']>): PrivateNetwork {
    const network = new Vpc(this, 'vpc', {
      ipAddresses: IpAddresses.cidr(cidr),
      maxAzs: zones,
      natGateways: 0,
      subnetConfiguration: [{ name: 'isolated', subnetType: SubnetType.PRIVATE_ISOLATED }],
      // Nothing is ever in the default group; emptying it would take a custom resource with rights on every group.
      restrictDefaultSecurityGroup: false,
    });
    const flows = new LogGroup(this, 'flow-logs', {
      retention: stage.log_days as RetentionDays,
      removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    network.addFlowLog('flows', { destination: FlowLogDestination.toCloudWatchLogs(flows), trafficType: FlowLogTrafficType.ALL });

    const vpc = network as IVpc;
    const group = (name: string, description: string) =>
      new SecurityGroup(this, name, { vpc, description, allowAllOutbound: false });
    const groups = {
      database: group('database', 'The database instance'),
      proxy: group('proxy', 'The proxy in front of the database'),
      proxy_clients: group('proxy-clients', 'Functions that reach the database through its proxy'),
      database_clients: group('database-clients', 'Procedures that change the schema, which a proxy would pin'),
      vault_clients: group('vault-clients', 'Functions that read secrets'),
      storage_clients: group('storage-clients', 'Functions that read or write backups'),
      bus_clients: group('bus-clients', 'Functions that put events to the bus'),
    };
    // Kept also where events are off: a stage that turns them off could not lose it while its functions still import it.
    this.exportValue(groups.bus_clients.securityGroupId);
    const vault = group('vault', 'The endpoint of Secrets Manager');
    groups.proxy_clients.connections.allowTo(groups.proxy, Port.tcp(databasePort), 'to the proxy');
    groups.proxy.connections.allowTo(groups.database, Port.tcp(databasePort), 'from the proxy');
    groups.database_clients.connections.allowTo(groups.database, Port.tcp(databasePort), 'to the instance');
    groups.vault_clients.connections.allowTo(vault, Port.tcp(443), 'to Secrets Manager');

    const endpoint = network.addInterfaceEndpoint('secrets-manager', {
      service: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
      securityGroups: [vault],
      open: false,
    });
    // Through it nobody carries anything to or from an account that is not this one.
    endpoint.addToPolicy(
      new PolicyStatement({
        principals: [new AccountPrincipal(this.account)],
        actions: ['secretsmanager:*'],
        resources: [
          this.formatArn({
            service: 'secretsmanager',
            resource: 'secret',
            resourceName: '*',
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        ],
      }),
    );
    this.#openStorage(stage, network, groups.storage_clients);
    if (!this.#hasBus) return { vpc, groups };
    const bus = group('bus', 'The endpoint of EventBridge');
    groups.bus_clients.connections.allowTo(bus, Port.tcp(443), 'to EventBridge');
    const events = network.addInterfaceEndpoint('event-bridge', {
      service: InterfaceVpcEndpointAwsService.EVENTBRIDGE,
      securityGroups: [bus],
      open: false,
    });
    events.addToPolicy(
      new PolicyStatement({
        principals: [new AccountPrincipal(this.account)],
        actions: ['events:PutEvents'],
        resources: [this.formatArn({ service: 'events', resource: 'event-bus', resourceName: `oauth2-${stage.name}` })],
      }),
    );
    return { vpc, groups };
  }

  /** A route to S3 and nowhere else: its addresses are many and change, so the group lets through all, and only that route is there. */
  #openStorage(stage: CheckedStage, network: Vpc, clients: SecurityGroup): void {
    clients.connections.allowTo(Peer.anyIpv4(), Port.tcp(443), 'to S3, by the only route there is');
    const storage = network.addGatewayEndpoint('storage', { service: GatewayVpcEndpointAwsService.S3 });
    storage.addToPolicy(
      new PolicyStatement({
        principals: [new AnyPrincipal()],
        actions: [
          's3:GetObject',
          's3:ListBucket',
          's3:PutObject',
          's3:PutObjectTagging',
          's3:PutObjectRetention',
          's3:AbortMultipartUpload',
        ],
        resources: ['', '/*'].map(
          (part) => `arn:${this.partition}:s3:::oauth2-${stage.name}-backups-${this.account}-${this.region}${part}`,
        ),
        conditions: { StringEquals: { 'aws:PrincipalAccount': this.account } },
      }),
    );
  }
}
