/** What a stage costs a month when nobody uses it, from the resources of its templates. */
import type { Json, Properties, Resource, Templates } from '../../test/infra/templates.ts';
import { hoursPerMonth, instanceClasses, type PriceName, prices } from './prices.ts';

export interface Charge {
  readonly item: string;
  readonly price: PriceName;
  readonly quantity: number;
}

export const dollarsOf = ({ price, quantity }: Charge): number => prices[price].dollars * quantity;
export const sum = (charges: readonly Charge[]): number => charges.reduce((total, charge) => total + dollarsOf(charge), 0);

/** Seconds that a scheduled procedure is billed for, an assumption above what was seen. */
const procedureSeconds = 0.5;
/** Metrics that the scheduled procedures publish together, beside one for the success of each: six gauges, two of the database, four of events. */
const gaugeMetrics = 12;

/** Types that cost nothing by themselves or in any amount that a stage has. */
export const freeTypes = [
  'AWS::ApiGatewayV2::ApiMapping',
  'AWS::ApiGatewayV2::DomainName',
  'AWS::ApiGatewayV2::Integration',
  'AWS::ApiGatewayV2::Route',
  'AWS::CloudFront::CachePolicy',
  'AWS::CodeDeploy::Application',
  'AWS::CodeDeploy::DeploymentConfig',
  'AWS::CodeDeploy::DeploymentGroup',
  'AWS::EC2::RouteTable',
  'AWS::EC2::SecurityGroup',
  'AWS::EC2::SecurityGroupEgress',
  'AWS::EC2::SecurityGroupIngress',
  'AWS::EC2::Subnet',
  'AWS::EC2::SubnetRouteTableAssociation',
  'AWS::EC2::VPC',
  'AWS::Events::EventBusPolicy',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::KMS::Alias',
  'AWS::Lambda::Alias',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Permission',
  'AWS::Lambda::Version',
  'AWS::Logs::QueryDefinition',
  'AWS::RDS::DBParameterGroup',
  'AWS::RDS::DBProxyTargetGroup',
  'AWS::RDS::DBSubnetGroup',
  'AWS::Route53::RecordSet',
  'AWS::S3::BucketPolicy',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::QueuePolicy',
  'AWS::SSM::Parameter',
  'AWS::SecretsManager::ResourcePolicy',
  'AWS::StepFunctions::StateMachine',
  'Custom::Procedure',
  'Custom::Release',
] as const;

/** Types that cost by what passes through them: the table of requests has those that a token request passes. */
export const usedTypes = [
  'AWS::ApiGatewayV2::Api',
  'AWS::ApiGatewayV2::Stage',
  'AWS::CloudFront::Distribution',
  'AWS::EC2::FlowLog',
  'AWS::Events::Archive',
  'AWS::Events::EventBus',
  'AWS::Lambda::Function',
  'AWS::Logs::Delivery',
  'AWS::Logs::DeliveryDestination',
  'AWS::Logs::DeliverySource',
  'AWS::Logs::LogGroup',
  'AWS::Logs::SubscriptionFilter',
  'AWS::S3::Bucket',
  'AWS::SNS::Subscription',
  'AWS::SNS::Topic',
  'AWS::SQS::Queue',
  'AWS::WAFv2::LoggingConfiguration',
] as const;

type Charger = (resource: Resource, templates: Templates) => readonly Charge[];

const one =
  (item: string, price: PriceName): Charger =>
  () => [{ item, price, quantity: 1 }];

/** @throws {Error} for a class without a price */
export function instanceClassOf({ id, properties }: Resource) {
  const found = instanceClasses[String(properties.DBInstanceClass)];
  if (!found)
    throw new Error(
      `${id} is a ${properties.DBInstanceClass}, which docs/costs/prices.ts has no price of; add it from the public list prices`,
    );
  return found;
}

const chargers: Readonly<Record<string, Charger>> = {
  'AWS::RDS::DBInstance': (resource) => {
    const { AllocatedStorage, MultiAZ, ManageMasterUserPassword } = resource.properties;
    const copies = MultiAZ === true ? 2 : 1;
    return [
      { item: 'Database instance', price: instanceClassOf(resource).price, quantity: hoursPerMonth * copies },
      { item: 'Database storage', price: 'db_storage', quantity: Number(AllocatedStorage) * copies },
      ...(ManageMasterUserPassword === true ? [{ item: 'Secrets', price: 'secret', quantity: 1 } as const] : []),
    ];
  },
  'AWS::RDS::DBProxy': (_proxy, templates) =>
    templates.some('AWS::RDS::DBInstance').map((instance) => ({
      item: 'Database proxy',
      price: 'db_proxy',
      quantity: Math.max(2, instanceClassOf(instance).vcpu) * hoursPerMonth,
    })),
  'AWS::EC2::VPCEndpoint': ({ properties }) =>
    properties.VpcEndpointType === 'Interface'
      ? [{ item: 'Interface endpoint', price: 'endpoint', quantity: listOf(properties.SubnetIds).length * hoursPerMonth }]
      : [],
  'AWS::KMS::Key': one('Encryption keys', 'kms_key'),
  'AWS::SecretsManager::Secret': ({ properties }) => [
    { item: 'Secrets', price: 'secret', quantity: 1 + listOf(properties.ReplicaRegions).length },
  ],
  'AWS::CloudWatch::Alarm': ({ properties }) => [
    { item: 'Alarms', price: 'alarm_metric', quantity: Math.max(1, watchedBy(properties)) },
  ],
  'AWS::CloudWatch::CompositeAlarm': one('Alarms', 'alarm_composite'),
  'AWS::CloudWatch::Dashboard': one('Dashboard', 'dashboard'),
  'AWS::WAFv2::WebACL': ({ properties }) => [
    { item: 'Firewall', price: 'firewall', quantity: 1 },
    { item: 'Firewall', price: 'firewall_rule', quantity: listOf(properties.Rules).length },
  ],
  'AWS::Scheduler::Schedule': (schedule, templates) => {
    const runs = runsPerMonth(String(schedule.properties.ScheduleExpression));
    const alias = templates.target(schedule.part, (schedule.properties.Target as Properties).Arn);
    const fn = alias && templates.target(alias.part, alias.properties.FunctionName);
    if (!fn) throw new Error(`the schedule ${schedule.id} leads to no function`);
    const gigabytes = Number(fn.properties.MemorySize) / 1024;
    return [
      { item: 'Schedules and their runs', price: 'schedule', quantity: runs },
      { item: 'Schedules and their runs', price: 'lambda_request', quantity: runs },
      { item: 'Schedules and their runs', price: 'lambda_time', quantity: runs * gigabytes * procedureSeconds },
      { item: 'Schedules and their runs', price: 'trace', quantity: runs },
      { item: 'Metrics of the schedules', price: 'custom_metric', quantity: 1 },
    ];
  },
  // Secrets Manager takes nothing for its four calls, and one rotation has them all.
  'AWS::SecretsManager::RotationSchedule': ({ properties }) => {
    const runs = runsPerMonth(String((properties.RotationRules as Properties).ScheduleExpression));
    return [
      { item: 'Schedules and their runs', price: 'lambda_request', quantity: 4 * runs },
      { item: 'Metrics of the schedules', price: 'custom_metric', quantity: 1 },
    ];
  },
  // Stands for the stage: its gauges are published whether or not somebody uses it.
  'AWS::Scheduler::ScheduleGroup': () => [{ item: 'Metrics of the schedules', price: 'custom_metric', quantity: gaugeMetrics }],
};

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function watchedBy({ Metrics }: Properties): number {
  return listOf(Metrics).filter((metric) => 'MetricStat' in (metric as Properties)).length;
}

/** @throws {Error} for an expression that is no rate, and no time of every day or of one in each month */
export function runsPerMonth(expression: string): number {
  const [, day] = /^cron\(\d+ \d+ (\*|\d+) \* \? \*\)$/.exec(expression) ?? [];
  if (day !== undefined) return day === '*' ? hoursPerMonth / 24 : 1;
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const hours = { minute: 1 / 60, hour: 1, day: 24 }[unit ?? ''];
  if (count === undefined || hours === undefined)
    throw new Error(`the schedule "${expression}" is no rate; teach docs/costs/idle.ts`);
  return hoursPerMonth / (Number(count) * hours);
}

/**
 * The charges of a month, one for each item and price.
 * @throws {Error} for a resource of a type that is in none of the lists, so that nothing is missed in silence
 */
export function computeIdle(templates: Templates): readonly Charge[] {
  const silent: readonly string[] = [...freeTypes, ...usedTypes];
  const merged = new Map<string, Charge>();
  for (const resource of templates.all) {
    const charger = chargers[resource.type];
    if (!charger && !silent.includes(resource.type)) {
      throw new Error(`${resource.type} (${resource.part}/${resource.id}) has no price; add it to docs/costs/idle.ts`);
    }
    for (const charge of charger?.(resource, templates) ?? []) {
      const key = `${charge.item} ${charge.price}`;
      merged.set(key, { ...charge, quantity: charge.quantity + (merged.get(key)?.quantity ?? 0) });
    }
  }
  return [...merged.values()];
}
