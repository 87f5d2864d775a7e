/** Reads the synthesised CDK app into what the local runtime runs: routes, functions, schedules and secrets. */
import { type Resource, readAssembly, type Stack } from './assembly.ts';
import { LocalFailure } from './failure.ts';
import { createResolver, nameOf, type Places, type Resolver, type Site } from './intrinsics.ts';
import type { LogSubscription } from './log-subscriptions.ts';
import type { GatewayRoute } from './route-match.ts';
import type { BucketSpec } from './s3.ts';
import type { FunctionSpec } from './sandbox.ts';
import { secretArn } from './secret-arn.ts';
import type { MachineSpec } from './step-functions.ts';

export interface ScheduleSpec {
  readonly name: string;
  /** `rate(…)` or `cron(…)`, as EventBridge Scheduler takes it. */
  readonly expression: string;
  readonly timezone: string;
  readonly function: string;
  /** ARN of the state machine that is started instead of a function. */
  readonly machine?: string;
  /** JSON text. */
  readonly input: string;
  /** ARN of the secret that the function rotates, where that is what it does: by the calls of Secrets Manager, each with an input of its own. */
  readonly secret?: string;
}

export interface SecretSpec {
  readonly name: string;
  readonly arn: string;
  /** Present: its first value is made up by the rules of `GenerateSecretString`. Absent: it exists without a value. */
  readonly generate?: Readonly<Record<string, unknown>>;
  readonly value?: string;
}

export interface Template {
  readonly routes: readonly GatewayRoute[];
  readonly functions: readonly FunctionSpec[];
  readonly schedules: readonly ScheduleSpec[];
  /** Which function gets the result of each asynchronous run of another that succeeded. */
  readonly destinations: ReadonlyMap<string, string>;
  readonly subscriptions: readonly LogSubscription[];
  readonly secrets: readonly SecretSpec[];
  readonly machines: readonly MachineSpec[];
  readonly buckets: readonly BucketSpec[];
  /** Names of the event buses. */
  readonly buses: readonly string[];
  /** Format of the gateway's access log, where it keeps one. */
  readonly access_log: string | undefined;
}

type Found = readonly [site: Site, properties: Readonly<Record<string, unknown>>, resource: Resource];

function ofType(stacks: readonly Stack[], type: string): Found[] {
  return stacks.flatMap((stack) =>
    Object.entries(stack.resources)
      .filter(([, resource]) => resource.Type === type)
      .map(([id, resource]): Found => [{ stack, resource: id, field: '' }, resource.Properties ?? {}, resource]),
  );
}

/** `arn:aws:lambda:region:account:function:name:live`, or an invocation URI around it → the name. */
function functionOf(target: string, site: Site): string {
  const name = /:function:([^:/]+)/.exec(target)?.[1];
  if (!name) throw new LocalFailure(`stack ${site.stack.name}, resource ${site.resource}: ${target} is not a Lambda function`);
  return name;
}

function folderOf(site: Site, code: unknown, resolver: Resolver): string {
  const { S3Key } = (code ?? {}) as { S3Key?: unknown };
  const key = S3Key === undefined ? '' : resolver.text(S3Key, { ...site, field: 'Code' });
  const folder = site.stack.assets.get(key.replace(/^.*\//, '').replace(/\.\w+$/, ''));
  if (!folder)
    throw new LocalFailure(`stack ${site.stack.name}, resource ${site.resource}: its code is no folder of the synthesised app`);
  return folder;
}

/** A stage without a managed database names the address of another one; here it is the embedded one, whose port changes with each start. */
function embedded(variable: string, { database }: Places): string | undefined {
  if (variable === 'OAUTH2_DATABASE_HOST') return database.host;
  return variable === 'OAUTH2_DATABASE_PORT' ? String(database.port) : undefined;
}

function readFunction([site, properties, resource]: Found, resolver: Resolver, places: Places): FunctionSpec {
  const { Variables = {} } = (properties.Environment ?? {}) as { Variables?: Record<string, unknown> };
  const name = nameOf(site.resource, resource, site.stack);
  const environment = Object.entries(Variables).map(([variable, value]) => [
    variable,
    embedded(variable, places) ?? resolver.text(value, { ...site, field: `environment variable ${variable}` }),
  ]);
  return {
    name,
    arn: `arn:aws:lambda:${places.region}:${places.account}:function:${name}`,
    folder: folderOf(site, properties.Code, resolver),
    handler: String(properties.Handler),
    memory_mb: Number(properties.MemorySize ?? 128),
    timeout_seconds: Number(properties.Timeout ?? 3),
    environment: Object.fromEntries(environment),
  };
}

/** `Ref` of an integration on this machine, as routes name it behind `integrations/`. */
function integrations(stacks: readonly Stack[], resolver: Resolver): Map<string, string> {
  const found = ofType(stacks, 'AWS::ApiGatewayV2::Integration').map(([site, properties]): [string, string] => {
    const target = resolver.text(properties.IntegrationUri, { ...site, field: 'IntegrationUri' });
    return [`${site.stack.name}/${site.resource}`, functionOf(target, site)];
  });
  return new Map(found);
}

function readRoute([site, properties]: Found, resolver: Resolver, targets: ReadonlyMap<string, string>): GatewayRoute {
  const key = resolver.text(properties.RouteKey, { ...site, field: 'RouteKey' });
  const target = resolver.text(properties.Target, { ...site, field: 'Target' });
  const name = targets.get(target.replace(/^integrations\//, ''));
  if (!name)
    throw new LocalFailure(`stack ${site.stack.name}, resource ${site.resource}: route ${key} has no integration ${target}`);
  const [method = '', path] = key.split(' ');
  return path === undefined ? { method: 'ANY', path: key, function: name } : { method, path, function: name };
}

function readSchedule([site, properties, resource]: Found, resolver: Resolver): ScheduleSpec[] {
  if (properties.State === 'DISABLED') return [];
  const target = resolver.resolve(properties.Target, { ...site, field: 'Target' }) as { Arn: string; Input?: string };
  return [
    {
      name: nameOf(site.resource, resource, site.stack),
      expression: resolver.text(properties.ScheduleExpression, { ...site, field: 'ScheduleExpression' }),
      timezone: String(properties.ScheduleExpressionTimezone ?? 'UTC'),
      ...(target.Arn.includes(':stateMachine:')
        ? { function: '', machine: target.Arn }
        : { function: functionOf(target.Arn, site) }),
      input: target.Input ?? '{}',
    },
  ];
}

function readRotation([site, properties]: Found, resolver: Resolver): ScheduleSpec {
  const text = (field: string) => resolver.text(properties[field], { ...site, field });
  const { ScheduleExpression } = resolver.resolve(properties.RotationRules, { ...site, field: 'RotationRules' }) as Record<
    string,
    string
  >;
  const target = functionOf(text('RotationLambdaARN'), site);
  return {
    name: site.resource,
    expression: `${ScheduleExpression}`,
    timezone: 'UTC',
    function: target,
    input: '{}',
    secret: text('SecretId'),
  };
}

function readDestination([site, properties]: Found, resolver: Resolver): [string, string][] {
  const { OnSuccess } = (properties.DestinationConfig ?? {}) as { OnSuccess?: { Destination: unknown } };
  if (!OnSuccess) return [];
  const name = resolver.text(properties.FunctionName, { ...site, field: 'FunctionName' });
  const target = resolver.text(OnSuccess.Destination, { ...site, field: 'DestinationConfig' });
  return [[/:function:([^:/]+)/.exec(name)?.[1] ?? name, functionOf(target, site)]];
}

function readSubscription([site, properties]: Found, resolver: Resolver): LogSubscription {
  const text = (field: string) => resolver.text(properties[field], { ...site, field });
  return { group: text('LogGroupName'), pattern: text('FilterPattern'), function: functionOf(text('DestinationArn'), site) };
}

function readSecret([site, properties, resource]: Found, resolver: Resolver, places: Places): SecretSpec {
  const name = nameOf(site.resource, resource, site.stack);
  const generate = properties.GenerateSecretString as Record<string, unknown> | undefined;
  const value = properties.SecretString;
  return {
    name,
    arn: secretArn(places, name),
    ...(generate && {
      generate: resolver.resolve(generate, { ...site, field: 'GenerateSecretString' }) as Record<string, unknown>,
    }),
    ...(value !== undefined && { value: resolver.text(value, { ...site, field: 'SecretString' }) }),
  };
}

interface LifecycleRule {
  readonly ExpirationInDays?: number;
  readonly Prefix?: string;
  readonly TagFilters?: readonly { readonly Key: string; readonly Value: string }[];
}

function readBucket([site, properties]: Found, resolver: Resolver): BucketSpec {
  const { Rules = [] } = (resolver.resolve(properties.LifecycleConfiguration, { ...site, field: 'LifecycleConfiguration' }) ??
    {}) as {
    Rules?: readonly LifecycleRule[];
  };
  return {
    name: resolver.text({ Ref: site.resource }, { ...site, field: 'BucketName' }),
    expires: Rules.flatMap(({ ExpirationInDays: days, Prefix: prefix, TagFilters: [tag] = [] }) =>
      days === undefined
        ? []
        : [{ days, ...(prefix !== undefined && { prefix }), ...(tag && { tag: [tag.Key, tag.Value] as const }) }],
    ),
  };
}

function readAccessLog([, properties]: Found): string[] {
  const { Format } = (properties.AccessLogSettings ?? {}) as { Format?: unknown };
  return typeof Format === 'string' ? [Format] : [];
}

function readMachine([site, properties, resource]: Found, resolver: Resolver, places: Places): MachineSpec {
  const name = nameOf(site.resource, resource, site.stack);
  const text = resolver.text(properties.DefinitionString, { ...site, field: 'DefinitionString' });
  return {
    name,
    arn: `arn:aws:states:${places.region}:${places.account}:stateMachine:${name}`,
    definition: JSON.parse(text) as MachineSpec['definition'],
  };
}

/** Only what a route, a schedule or a caller can reach by the house's names: not the helpers that CDK brings along. */
function isOurs([, properties]: Found): boolean {
  return typeof properties.FunctionName === 'string';
}

/**
 * @param folder a cloud assembly (`cdk.out`)
 * @param places where the stand-ins of AWS's services are on this machine
 * @throws LocalFailure naming stack, resource and field of what this machine cannot stand in for
 */
export function readTemplate(folder: string, places: Places): Template {
  const stacks = readAssembly(folder);
  const resolver = createResolver(stacks, places);
  const targets = integrations(stacks, resolver);
  const functions = ofType(stacks, 'AWS::Lambda::Function').filter(isOurs);
  return {
    routes: ofType(stacks, 'AWS::ApiGatewayV2::Route').map((found) => readRoute(found, resolver, targets)),
    functions: functions.map((found) => readFunction(found, resolver, places)),
    schedules: [
      ...ofType(stacks, 'AWS::Scheduler::Schedule').flatMap((found) => readSchedule(found, resolver)),
      ...ofType(stacks, 'AWS::SecretsManager::RotationSchedule').map((found) => readRotation(found, resolver)),
    ],
    destinations: new Map(ofType(stacks, 'AWS::Lambda::EventInvokeConfig').flatMap((found) => readDestination(found, resolver))),
    subscriptions: ofType(stacks, 'AWS::Logs::SubscriptionFilter').map((found) => readSubscription(found, resolver)),
    secrets: ofType(stacks, 'AWS::SecretsManager::Secret').map((found) => readSecret(found, resolver, places)),
    machines: ofType(stacks, 'AWS::StepFunctions::StateMachine').map((found) => readMachine(found, resolver, places)),
    buckets: ofType(stacks, 'AWS::S3::Bucket').map((found) => readBucket(found, resolver)),
    buses: ofType(stacks, 'AWS::Events::EventBus').map(([site, , resource]) => nameOf(site.resource, resource, site.stack)),
    access_log: ofType(stacks, 'AWS::ApiGatewayV2::Stage').flatMap(readAccessLog)[0],
  };
}
