/** Resolves CloudFormation's intrinsic functions to what the resources are on this machine. */
import type { Resource, Stack } from './assembly.ts';
import { LocalFailure } from './failure.ts';
import { secretArn } from './secret-arn.ts';

/** Where the local stand-ins of AWS's own are. */
export interface Places {
  readonly region: string;
  readonly account: string;
  readonly database: { readonly host: string; readonly port: number };
}

/** What is being resolved, for the message when it cannot be. */
export interface Site {
  readonly stack: Stack;
  readonly resource: string;
  readonly field: string;
}

type Attribute = (resource: Resource, id: string, stack: Stack) => unknown;

const intrinsic = /^(Ref|Condition|Fn::\w+)$/;

export interface Resolver {
  /** A value with everything resolved. @throws LocalFailure naming stack, resource and field */
  resolve(value: unknown, site: Site): unknown;
  /** The same, for what must be a text (numbers and switches become one). */
  text(value: unknown, site: Site): string;
}

/** Where a resource type says its name, if not in `Name`. */
const nameFields: Readonly<Record<string, string>> = {
  'AWS::Lambda::Function': 'FunctionName',
  'AWS::StepFunctions::StateMachine': 'StateMachineName',
};

export function nameOf(id: string, resource: Resource, stack: Stack): string {
  const given = resource.Properties?.[nameFields[resource.Type] ?? 'Name'];
  return typeof given === 'string' ? given : `${stack.name}-${id}`;
}

export function createResolver(stacks: readonly Stack[], places: Places): Resolver {
  const arn = (service: string, rest: string) => `arn:aws:${service}:${places.region}:${places.account}:${rest}`;
  const functionArn: Attribute = (resource, id, stack) => arn('lambda', `function:${nameOf(id, resource, stack)}`);
  const secret: Attribute = (resource, id, stack) => secretArn(places, nameOf(id, resource, stack));
  const machineArn: Attribute = (resource, id, stack) => arn('states', `stateMachine:${nameOf(id, resource, stack)}`);
  const bucket: Attribute = (resource, id, stack) =>
    resource.Properties?.BucketName === undefined
      ? id.toLowerCase()
      : text(resource.Properties.BucketName, { stack, resource: id, field: 'BucketName' });
  const port = () => String(places.database.port);
  const host = () => places.database.host;

  /** `Ref` and `Fn::GetAtt` of each resource type that the functions' declarations may point to. */
  const attributes: Record<string, Record<string, Attribute>> = {
    'AWS::Lambda::Function': { Ref: (resource, id, stack) => nameOf(id, resource, stack), Arn: functionArn },
    'AWS::SecretsManager::Secret': { Ref: secret, Id: secret },
    'AWS::SecretsManager::SecretTargetAttachment': {
      Ref: (resource, id, stack) => resolve(resource.Properties?.SecretId, { stack, resource: id, field: 'SecretId' }),
    },
    'AWS::RDS::DBInstance': { Ref: (_, id) => id.toLowerCase(), 'Endpoint.Address': host, 'Endpoint.Port': port },
    'AWS::RDS::DBCluster': { Ref: (_, id) => id.toLowerCase(), 'Endpoint.Address': host, 'Endpoint.Port': port },
    'AWS::RDS::DBProxy': { Ref: (_, id) => id.toLowerCase(), Endpoint: host },
    'AWS::ApiGatewayV2::Integration': { Ref: (_, id, stack) => `${stack.name}/${id}` },
    'AWS::ApiGatewayV2::Api': { Ref: () => 'local' },
    'AWS::Events::EventBus': {
      Ref: (resource, id, stack) => nameOf(id, resource, stack),
      Arn: (resource, id, stack) => arn('events', `event-bus/${nameOf(id, resource, stack)}`),
    },
    'AWS::IAM::Role': { Ref: (_, id) => id, Arn: (_, id) => `arn:aws:iam::${places.account}:role/${id}` },
    'AWS::SQS::Queue': { Ref: (_, id) => `http://127.0.0.1/${id}`, Arn: (_, id) => arn('sqs', id) },
    'AWS::SNS::Topic': { Ref: (_, id) => arn('sns', id) },
    'AWS::Logs::LogGroup': {
      Ref: ({ Properties }, id) => (typeof Properties?.LogGroupName === 'string' ? Properties.LogGroupName : id),
      Arn: (_, id) => arn('logs', `log-group:${id}:*`),
    },
    'AWS::StepFunctions::StateMachine': { Ref: machineArn, Arn: machineArn },
    'AWS::KMS::Key': { Ref: (_, id) => id, Arn: (_, id) => arn('kms', `key/${id}`) },
    'AWS::S3::Bucket': { Ref: bucket, Arn: (resource, id, stack) => `arn:aws:s3:::${bucket(resource, id, stack)}` },
  };

  function fail(site: Site, what: string): never {
    throw new LocalFailure(
      `stack ${site.stack.name}, resource ${site.resource}, ${site.field}: ${what}; give it a plain value for this stage, or teach lib/local/intrinsics.ts`,
    );
  }

  function pseudo(name: string, site: Site): unknown {
    const values: Record<string, string> = {
      'AWS::Region': places.region,
      'AWS::AccountId': places.account,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': site.stack.name,
      'AWS::StackId': arn('cloudformation', `stack/${site.stack.name}/local`),
    };
    return values[name];
  }

  function attribute(id: string, name: string, site: Site): unknown {
    const resource = site.stack.resources[id];
    const known = resource && attributes[resource.Type]?.[name];
    if (known) return known(resource, id, site.stack);
    if (resource?.Type === 'AWS::Lambda::Alias' || resource?.Type === 'AWS::Lambda::Version') {
      const of = resolve(resource.Properties?.FunctionName, { stack: site.stack, resource: id, field: 'FunctionName' });
      const qualifier = resource.Type === 'AWS::Lambda::Alias' ? resource.Properties?.Name : '1';
      if (name === 'Version' || name === 'FunctionVersion') return '1';
      return `${String(of).startsWith('arn:') ? of : arn('lambda', `function:${of}`)}:${qualifier}`;
    }
    const what = resource ? `${name} of ${id} (${resource.Type})` : `${id}, which the stack does not have`;
    return fail(site, `cannot be resolved on this machine: ${what}`);
  }

  function ref(name: string, site: Site): unknown {
    const known = pseudo(name, site) ?? site.stack.parameters[name]?.Default;
    return known !== undefined ? known : attribute(name, 'Ref', site);
  }

  function substitute(argument: unknown, site: Site): string {
    const [template, own] = (Array.isArray(argument) ? argument : [argument, {}]) as [string, Record<string, unknown>];
    return template.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      if (Object.hasOwn(own, name)) return text(own[name], site);
      const dot = name.indexOf('.');
      return String(dot < 0 ? ref(name, site) : attribute(name.slice(0, dot), name.slice(dot + 1), site));
    });
  }

  function imported(argument: unknown, site: Site): unknown {
    const name = text(argument, site);
    for (const stack of stacks)
      for (const [id, output] of Object.entries(stack.outputs)) {
        const own = { stack, resource: id, field: 'output' };
        if (output.Export && text(output.Export.Name, own) === name) return resolve(output.Value, own);
      }
    return fail(site, `no stack exports ${name}`);
  }

  function condition(argument: unknown, site: Site): boolean {
    if (typeof argument === 'string') return condition(site.stack.conditions[argument], site);
    const [name, rest] = Object.entries((argument ?? {}) as Record<string, unknown[]>)[0] ?? [];
    if (name === 'Condition') return condition(rest, site);
    if (name === 'Fn::Equals') return text(rest?.[0], site) === text(rest?.[1], site);
    if (name === 'Fn::And') return (rest ?? []).every((one) => condition(one, site));
    if (name === 'Fn::Or') return (rest ?? []).some((one) => condition(one, site));
    if (name === 'Fn::Not') return !condition(rest?.[0], site);
    return fail(site, `unknown condition ${JSON.stringify(argument)}`);
  }

  function apply(name: string, argument: unknown, site: Site): unknown {
    const list = argument as unknown[];
    switch (name) {
      case 'Ref':
        return ref(argument as string, site);
      case 'Fn::GetAtt': {
        const [id, ...rest] = typeof argument === 'string' ? argument.split('.') : (argument as string[]);
        return attribute(id as string, rest.join('.'), site);
      }
      case 'Fn::Join':
        return (resolve(list[1], site) as unknown[]).map((part) => text(part, site)).join(list[0] as string);
      case 'Fn::Split':
        return text(list[1], site).split(list[0] as string);
      case 'Fn::Select':
        return (resolve(list[1], site) as unknown[])[Number(list[0])];
      case 'Fn::Sub':
        return substitute(argument, site);
      case 'Fn::ImportValue':
        return imported(argument, site);
      case 'Fn::If':
        return resolve(condition(list[0], site) ? list[1] : list[2], site);
      default:
        return fail(site, `${name} cannot be resolved on this machine`);
    }
  }

  function resolve(value: unknown, site: Site): unknown {
    if (Array.isArray(value)) return value.map((one) => resolve(one, site));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first && intrinsic.test(first[0])) return apply(first[0], first[1], site);
    return Object.fromEntries(entries.map(([name, one]) => [name, resolve(one, site)]));
  }

  function text(value: unknown, site: Site): string {
    const resolved = resolve(value, site);
    if (['string', 'number', 'boolean'].includes(typeof resolved)) return String(resolved);
    return fail(site, `must be a text but is ${JSON.stringify(resolved)}`);
  }

  return { resolve, text };
}
