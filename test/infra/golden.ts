/** What the golden files of the templates say, made from the templates; run by itself, it writes them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Json, nameOf, type Properties, type Resource, synthesise, type Templates } from './templates.ts';

/** To be read by somebody who changed something on purpose. */
export const regenerate = 'node test/infra/golden.ts';

const folder = join(import.meta.dirname, '../golden');

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: Json;
  readonly Condition?: Properties;
}

/** Every statement of a role's policies, with the part that it stands in. */
export function statementsOf(templates: Templates, role: Resource): readonly (readonly [part: string, Statement])[] {
  const policies = templates
    .of('AWS::IAM::Policy')
    .filter(({ part, properties }) => (properties.Roles as readonly Json[]).some((one) => templates.target(part, one) === role));
  return policies.flatMap(({ part, properties }) =>
    (properties.PolicyDocument as unknown as { Statement: readonly Statement[] }).Statement.map((one) => [part, one] as const),
  );
}

/** What Lambda does to join a VPC; the code of the function is denied it. */
const joining =
  'AssignPrivateIpAddresses CreateNetworkInterface DeleteNetworkInterface DescribeNetworkInterfaces DescribeSubnets UnassignPrivateIpAddresses';

/** Each role of production: whose it is, then what it may do to what. */
export function permissions(templates: Templates): string {
  const blocks = templates.of('AWS::IAM::Role').map((role) => {
    const lines = statementsOf(templates, role).flatMap(([part, statement]) => linesOf(templates, part, statement));
    const managed = ((role.properties.ManagedPolicyArns as readonly Json[]) ?? []).map(
      (arn) => `managed ${templates.text(role.part, arn)}`,
    );
    const all = [...lines, ...managed].toSorted().map((line) => `  ${line}\n`);
    return `${holderOf(templates, role)}\n${all.join('')}`;
  });
  return blocks.toSorted().join('\n');
}

function holderOf(templates: Templates, role: Resource): string {
  const fn = templates
    .of('AWS::Lambda::Function')
    .find(({ part, properties }) => templates.target(part, properties.Role) === role);
  const name = fn?.properties.FunctionName;
  return `${role.part}/${name ? String(name).replace('oauth2-production-', '') : nameOf(role)}`;
}

/** A line for each service and resource. */
function linesOf(templates: Templates, part: string, { Effect, Action, Resource, Condition }: Statement): string[] {
  const byService = Map.groupBy([Action].flat() as string[], (action) => action.split(':')[0] as string);
  const when = Condition
    ? ` where ${Object.values(Condition)
        .map((test) => conditionText(templates, part, test))
        .join(' and ')}`
    : '';
  const resources: readonly Json[] = Array.isArray(Resource) ? Resource : [Resource];
  return [...byService].flatMap(([service, actions]) => {
    const names = actions
      .map((action) => action.slice(service.length + 1))
      .toSorted()
      .join(' ');
    const what = `${Effect === 'Deny' ? 'never ' : ''}${service}: ${names === joining ? 'to join a VPC' : names}`;
    return resources.map((resource) => `${what} → ${templates.text(part, resource)}${when}`);
  });
}

function conditionText(templates: Templates, part: string, test: Json | undefined): string {
  return Object.entries(test as Properties)
    .map(([key, value]) => `${key} is ${templates.text(part, value)}`)
    .join(' and ');
}

/** Types whose loss or replacement would lose what somebody stored. */
export const stateful: readonly string[] = [
  'AWS::RDS::DBInstance',
  'AWS::KMS::Key',
  'AWS::SecretsManager::Secret',
  'AWS::Logs::LogGroup',
  'AWS::S3::Bucket',
  'AWS::DynamoDB::Table',
];

/** Each stateful resource of production: stack, logical id, type, and what becomes of it. */
export function statefulIds(templates: Templates): string {
  const rows = templates
    .of(...stateful)
    .map(({ part, id, type, deletion, replacement }) => `${part} ${id} ${type} ${deletion} ${replacement}\n`);
  return rows.toSorted().join('');
}

/** A golden file of this folder. */
export function golden(name: 'permissions.txt' | 'stateful.txt'): string {
  return readFileSync(join(folder, name), 'utf8');
}

if (import.meta.main) {
  const templates = await synthesise('production');
  writeFileSync(join(folder, 'permissions.txt'), permissions(templates));
  writeFileSync(join(folder, 'stateful.txt'), statefulIds(templates));
}
