/** A small AWS account for tests of what the tool does there: aliases, parameters, alarms and certificates behind their real APIs, with failures on order. */
import { randomUUID } from 'node:crypto';
import { type AwsEndpoint, AwsError, type AwsRequest, type AwsResponse, openAwsEndpoint } from '../../lib/local/aws-endpoint.ts';
import type { LogEvent } from '../../lib/local/log-journal.ts';
import { answerLogs, type LogSource } from '../../lib/local/logs-api.ts';
import { alarmOperations, listSubscriptions, type TestAlarms } from './alarms-api.ts';
import { answerStacks, queryError, type TestStack } from './cloudformation.ts';
import { TestQueues } from './queues.ts';
import { describeZones, type TestZone } from './zones-api.ts';

/** Said by a function, the gateway or the database. */
export type LogEvents = Map<string, LogEvent[]>;

interface StoredFunction {
  readonly versions: Set<string>;
  /** Without it there is a function that has no `live` alias. */
  alias?: { version: string; revision: string; weights: Record<string, number> };
}

/** One call of an API: `UpdateAlias oauth2-dev-token`. */
export interface Call {
  readonly operation: string;
  readonly target: string;
}

export interface Account extends TestAlarms {
  readonly url: string;
  readonly functions: Map<string, StoredFunction>;
  readonly parameters: Map<string, string>;
  readonly calls: Call[];
  readonly queues: TestQueues;
  identity: { account: string; arn: string };
  limits: { concurrency: number; code_free: number };
  /** Figures of CloudWatch, by the id under which they are asked. */
  readonly figures: Record<string, number>;
  /** Values of CloudWatch over time, by the id under which they are asked; instants in milliseconds. */
  readonly series: Record<string, { readonly at: number; readonly value: number }[]>;
  /** Settings of functions beside their versions: State, LastUpdateStatus, Environment. */
  readonly configurations: Map<string, Record<string, unknown>>;
  /** Events that RDS has of the stage's database. */
  database_events: { readonly at: string; readonly message: string; readonly category: string }[];
  /** Events of each log group. */
  readonly logs: LogEvents;
  zone: { id: string; name: string; is_private: boolean };
  certificates: Map<string, Record<string, unknown>>;
  /** Those of its region. */
  zones: TestZone[];
  /** Stacks of CloudFormation, by their names. */
  readonly stacks: Map<string, TestStack>;
  /** Looks at every call before it is carried out; what it throws is the answer. */
  before: (call: Call) => void;
  /** Answers the invocation of a function. */
  invoke: (name: string, payload: Record<string, unknown>) => unknown;
  addFunction(name: string, version: string): void;
  /** Version of each alias. */
  versions(): Record<string, string>;
  close(): Promise<void>;
}

type Input = Record<string, unknown>;

const json = (value: unknown): AwsResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});
const xml = (body: string): AwsResponse => ({ status: 200, headers: { 'content-type': 'text/xml' }, body });
const notFound = (what: string) => new AwsError('ResourceNotFoundException', `${what} is not there`, 404);

function parameterOperations({ parameters }: Account): Record<string, (input: Input) => unknown> {
  return {
    GetParameter({ Name }) {
      const value = parameters.get(String(Name));
      if (value === undefined) throw new AwsError('ParameterNotFound', `${Name} is not there`);
      return { Parameter: { Name, Value: value } };
    },
    // Pages of two, so that a list of three has a second page.
    GetParametersByPath({ Path, NextToken = '0' }) {
      const names = [...parameters.keys()].filter((name) => name.startsWith(`${Path}/`)).toReversed();
      const from = Number(NextToken);
      const page = names.slice(from, from + 2).map((Name) => ({ Name, Value: parameters.get(Name) }));
      return { Parameters: page, ...(names.length > from + 2 && { NextToken: String(from + 2) }) };
    },
    PutParameter({ Name, Value, Overwrite }) {
      if (String(Value).length > 4096)
        throw new AwsError('ValidationException', 'Standard tier parameters hold 4096 characters.');
      if (!Overwrite && parameters.has(String(Name))) throw new AwsError('ParameterAlreadyExists', `${Name} is there`);
      parameters.set(String(Name), String(Value));
      return { Version: 1 };
    },
    DeleteParameters({ Names }) {
      if ((Names as string[]).length > 10) throw new AwsError('ValidationException', 'Ten at a time.');
      for (const name of Names as string[]) parameters.delete(name);
      return { DeletedParameters: Names };
    },
  };
}

function updateAlias(stored: StoredFunction, name: string, { FunctionVersion, RevisionId, RoutingConfig }: Input): unknown {
  const version = String(FunctionVersion);
  if (stored.alias === undefined) throw notFound(name);
  if (RevisionId !== undefined && RevisionId !== stored.alias.revision)
    throw new AwsError('PreconditionFailedException', 'The RevisionId provided does not match the latest.', 412);
  if (!stored.versions.has(version)) throw notFound(`${name}:${version}`);
  const weights = ((RoutingConfig as Input | undefined)?.AdditionalVersionWeights ?? {}) as Record<string, number>;
  stored.alias = { version, revision: randomUUID(), weights };
  return { Name: 'live', FunctionVersion: version, RevisionId: stored.alias.revision };
}

function lambda(account: Account, operationOf: (call: Call) => void, { method, target, body }: AwsRequest): AwsResponse {
  const [path = '', query = ''] = target.split('?');
  if (path.endsWith('/account-settings')) {
    operationOf({ operation: 'GetAccountSettings', target: '' });
    const { concurrency, code_free } = account.limits;
    return json({
      AccountLimit: { ConcurrentExecutions: concurrency, TotalCodeSize: 80_530_636_800 },
      AccountUsage: { TotalCodeSize: 80_530_636_800 - code_free },
    });
  }
  const [, encoded = '', rest = ''] = /^\/2015-03-31\/functions\/([^/]+)\/(.*)$/.exec(path) ?? [];
  const name = decodeURIComponent(encoded).split(':')[0] ?? '';
  const stored = account.functions.get(name);
  const operation = rest.startsWith('aliases') ? (method === 'GET' ? 'GetAlias' : 'UpdateAlias') : rest;
  operationOf({ operation, target: name });
  if (operation === 'invocations') return json(account.invoke(name, JSON.parse(body)));
  if (stored === undefined) throw notFound(name);
  if (operation === 'UpdateAlias') return json(updateAlias(stored, name, JSON.parse(body)));
  if (operation === 'GetAlias') {
    if (stored.alias === undefined) throw notFound(`${name}:live`);
    const { version, revision, weights } = stored.alias;
    const RoutingConfig = Object.keys(weights).length > 0 ? { RoutingConfig: { AdditionalVersionWeights: weights } } : {};
    return json({ Name: 'live', FunctionVersion: version, RevisionId: revision, ...RoutingConfig });
  }
  if (operation === 'configuration') {
    const qualifier = new URLSearchParams(query).get('Qualifier') ?? '$LATEST';
    const version = qualifier === 'live' ? (stored.alias?.version ?? '') : qualifier;
    if (!stored.versions.has(version)) throw notFound(`${name}:${version}`);
    return json({ FunctionName: name, Version: version, ...account.configurations.get(name) });
  }
  throw new AwsError('UnknownOperationException', `${method} ${path}`, 404);
}

function route53({ zone }: Account, target: string): AwsResponse {
  const id = target.split('/').at(-1);
  if (id !== zone.id) {
    const error = `<Error><Type>Sender</Type><Code>NoSuchHostedZone</Code><Message>No hosted zone found with ID: ${id}</Message></Error>`;
    return {
      ...xml(`<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/">${error}</ErrorResponse>`),
      status: 404,
    };
  }
  return xml(
    `<GetHostedZoneResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZone><Id>/hostedzone/${id}</Id><Name>${zone.name}.</Name>` +
      `<CallerReference>r</CallerReference><Config><PrivateZone>${zone.is_private}</PrivateZone></Config></HostedZone></GetHostedZoneResponse>`,
  );
}

function databaseEvents({ database_events }: Account, input: URLSearchParams): AwsResponse {
  const [from, to] = [input.get('StartTime') ?? '', input.get('EndTime') ?? ''];
  const events = database_events
    .filter(({ at }) => Date.parse(at) >= Date.parse(from) && Date.parse(at) <= Date.parse(to))
    .map(
      ({ at, message, category }) =>
        `<Event><SourceIdentifier>${input.get('SourceIdentifier')}</SourceIdentifier><SourceType>db-instance</SourceType><Message>${message}</Message>` +
        `<EventCategories><EventCategory>${category}</EventCategory></EventCategories><Date>${at}</Date></Event>`,
    );
  return xml(
    `<DescribeEventsResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><DescribeEventsResult><Events>${events.join('')}</Events>` +
      '</DescribeEventsResult></DescribeEventsResponse>',
  );
}

function answer(account: Account, request: AwsRequest): AwsResponse {
  const note = (call: Call) => {
    account.calls.push(call);
    account.before(call);
  };
  if (request.target.startsWith('/2015-03-31/') || request.target.startsWith('/2016-08-19/'))
    return lambda(account, note, request);
  if (request.target.startsWith('/2013-04-01/hostedzone/')) {
    note({ operation: 'GetHostedZone', target: request.target });
    return route53(account, request.target);
  }
  const [service = '', operation = ''] = String(request.headers['x-amz-target'] ?? '').split('.');
  const query = new URLSearchParams(service === '' ? request.body : '');
  if (query.get('Version') === '2010-05-15') {
    try {
      note({ operation: query.get('Action') ?? '', target: query.get('StackName') ?? '' });
      return answerStacks(account.stacks, query);
    } catch (error) {
      if (error instanceof AwsError) return queryError(error);
      throw error;
    }
  }
  if (query.get('Action') === 'ListSubscriptionsByTopic') {
    note({ operation: 'ListSubscriptionsByTopic', target: query.get('TopicArn') ?? '' });
    return xml(listSubscriptions(account, query));
  }
  if (query.get('Action') === 'DescribeAvailabilityZones') {
    note({ operation: 'DescribeAvailabilityZones', target: '' });
    return xml(describeZones(account.zones));
  }
  if (query.get('Action') === 'DescribeEvents') {
    note({ operation: 'DescribeEvents', target: '' });
    return databaseEvents(account, query);
  }
  if (service === '') {
    note({ operation: 'GetCallerIdentity', target: '' });
    const { account: id, arn } = account.identity;
    return xml(
      `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${arn}</Arn><UserId>u</UserId>` +
        `<Account>${id}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`,
    );
  }
  const input = JSON.parse(request.body || '{}') as Input;
  note({ operation, target: String(input.Name ?? input.Path ?? input.CertificateArn ?? input.AlarmName ?? '') });
  if (service === 'Logs_20140328') return json(answerLogs(sourceOf(account.logs), operation, input));
  if (operation === 'GetMetricData') {
    const asked = input.MetricDataQueries as { Id: string }[];
    const [from, to] = [Number(input.StartTime) * 1000, Number(input.EndTime) * 1000];
    const seriesOf = (Id: string) => (account.series[Id] ?? []).filter(({ at }) => at >= from && at < to);
    return json({
      MetricDataResults: asked.map(({ Id }) => ({
        Id,
        Timestamps: seriesOf(Id).map(({ at }) => at / 1000),
        Values: Id in account.figures ? [account.figures[Id]] : seriesOf(Id).map(({ value }) => value),
      })),
    });
  }
  const alarm = alarmOperations[operation];
  if (alarm) return json(alarm(account, input));
  if (operation === 'DescribeCertificate') {
    const certificate = account.certificates.get(String(input.CertificateArn));
    if (certificate === undefined)
      throw new AwsError('ResourceNotFoundException', `Could not find certificate ${input.CertificateArn}`);
    return json({ Certificate: certificate });
  }
  const known = service === 'AmazonSQS' ? account.queues.operations[operation] : parameterOperations(account)[operation];
  if (known === undefined) throw new AwsError('UnknownOperationException', `${service}.${operation} is not answered here.`);
  return json(known(input));
}

/** The log groups as the API reads them. */
export function sourceOf(logs: LogEvents): LogSource {
  return {
    groups: () => [...logs.keys()],
    read: (group, from, to) => (logs.get(group) ?? []).filter(({ timestamp }) => timestamp >= from && timestamp <= to),
  };
}

/** Opens an account and points every SDK of this process at it. */
export async function openAccount(): Promise<Account> {
  const account: Omit<Account, 'url' | 'close'> = {
    functions: new Map(),
    parameters: new Map(),
    calls: [],
    alarms: [],
    alarm_actions: [],
    subscriptions: new Map(),
    queues: new TestQueues(),
    identity: { account: '111122223333', arn: 'arn:aws:iam::111122223333:user/operator' },
    limits: { concurrency: 1000, code_free: 70_000_000_000 },
    figures: {},
    series: {},
    configurations: new Map(),
    database_events: [],
    logs: new Map(),
    zone: { id: 'Z0123456789ABCDEFGHIJ', name: 'example.com', is_private: false },
    certificates: new Map(),
    zones: ['a', 'b', 'c'].map((letter, index) => ({ name: `eu-central-1${letter}`, id: `euc1-az${index + 1}` })),
    stacks: new Map(),
    before: () => {},
    invoke: () => ({ outcome: 'succeeded', plan: { steps: [] } }),
    addFunction(name, version) {
      const stored = account.functions.get(name) ?? { versions: new Set<string>() };
      stored.versions.add(version);
      stored.alias = { version, revision: randomUUID(), weights: {} };
      account.functions.set(name, stored);
    },
    versions: () =>
      Object.fromEntries([...account.functions].flatMap(([name, { alias }]) => (alias ? [[name, alias.version]] : []))),
  };
  const endpoint: AwsEndpoint = await openAwsEndpoint((request) => answer(account as Account, request));
  // Not the env of node:process, which lib/config.ts may have put a copy in place of.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: endpoint.url,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
  return Object.assign(account, { url: endpoint.url, close: () => endpoint.close() });
}
