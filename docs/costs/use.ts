/** What a million requests cost, from the measured figures of one. */
import type { Templates } from '../../test/infra/templates.ts';
import type { Measured, RequestKind } from '../figures/measured.ts';
import { type Charge, sum } from './idle.ts';
import { hoursPerMonth } from './prices.ts';

/** What is assumed rather than measured; the page says each. */
export const assumed = {
  /** Milliseconds between a function and the database through the proxy, there and back, for each statement. */
  flight_ms: 2,
  /** Memory at which a function has one whole processor, MiB (Lambda's documentation). */
  mib_per_vcpu: 1769,
  /** Bytes that Lambda itself logs of an invocation: START, END and REPORT. */
  platform_log_bytes: 400,
  /** Bytes of a line of API Gateway's access log. */
  access_log_bytes: 500,
  /** Bytes that CloudFront and the firewall log of a request. */
  edge_log_bytes: 2000,
  /** What is left of a log by compression. */
  log_compressed: 0.15,
  /** Requests of a second of which X-Ray records every one, for each function; and the part of those beyond. */
  traced_per_second: 1,
  traced_beyond: 0.05,
  /** Seconds for which CloudWatch Logs gathers the lines of a sandbox before it delivers them. */
  log_delivery_seconds: 5,
  /** Processor time of adding a batch up, and of each line in it: the drill `metrics`. */
  aggregate_batch_ms: 1.3,
  aggregate_line_ms: 0.035,
  /** Journeys to the database for each batch; `begin` and `commit` count too. */
  aggregate_statements: 5,
  /** Days that an access token's row stays: it leaves with the partition of its day. */
  row_days: 1.5,
  /** Sandboxes of a function fetch the keys again after five minutes. */
  key_fetches_per_hour: 12,
} as const;

const million = 1e6;
const gigabyte = 1e9;

/** Milliseconds that a warm invocation is billed for. */
export function billedMs({ requests }: Measured, kind: RequestKind, memoryMib: number): number {
  const { cpu_ms, statements } = requests[kind];
  return Math.ceil(cpu_ms / Math.min(1, memoryMib / assumed.mib_per_vcpu) + statements * assumed.flight_ms);
}

/** The function that serves a kind of request. */
export function memoryOf(templates: Templates, kind: RequestKind): number {
  const route = kind === 'introspection' ? 'introspect' : 'token';
  const fn = templates
    .some('AWS::Lambda::Function')
    .find(({ properties }) => new RegExp(`^oauth2-\\w+-${route}$`).test(String(properties.FunctionName)));
  if (!fn) throw new Error(`no function serves ${route}`);
  return Number(fn.properties.MemorySize);
}

function logDaysOf(templates: Templates): number {
  return Math.max(...templates.some('AWS::Logs::LogGroup').map(({ properties }) => Number(properties.RetentionInDays)));
}

/** How often the lines of a million requests are added up, and how long that takes each time, where so many come in a second to so many sandboxes. */
export function aggregation(perSecond: number, sandboxes: number, memoryMib: number): { invocations: number; billed_ms: number } {
  const lines = Math.max(1, (perSecond / sandboxes) * assumed.log_delivery_seconds);
  const cpu = assumed.aggregate_batch_ms + lines * assumed.aggregate_line_ms;
  const billed = cpu / Math.min(1, memoryMib / assumed.mib_per_vcpu) + assumed.aggregate_statements * assumed.flight_ms;
  return { invocations: million / lines, billed_ms: Math.ceil(billed) };
}

/** The charges of a million requests of a kind, where so many come in a second the month through. */
export function computeUse(templates: Templates, measured: Measured, kind: RequestKind, perSecond: number): readonly Charge[] {
  const figures = measured.requests[kind];
  const memory = memoryOf(templates, kind);
  const billed = billedMs(measured, kind, memory);
  const behindEdge = templates.of('AWS::CloudFront::Distribution').length > 0;
  const logBytes =
    figures.log_bytes + assumed.platform_log_bytes + assumed.access_log_bytes + (behindEdge ? assumed.edge_log_bytes : 0);
  const logGigabytes = (logBytes * million) / gigabyte;
  const traced = Math.min(perSecond, assumed.traced_per_second);
  const traces = ((traced + (perSecond - traced) * assumed.traced_beyond) / perSecond) * million;
  const sandboxes = Math.max(1, (perSecond * billed) / 1000);
  const added = aggregation(perSecond, sandboxes, memory);
  const fetches = kind === 'introspection' ? 0 : (sandboxes * assumed.key_fetches_per_hour * million) / (perSecond * 3600);
  const rows = kind === 'introspection' ? 0 : measured.row_bytes.access_tokens * million;
  const families =
    kind === 'code_exchange' ? (measured.row_bytes.token_families + measured.row_bytes.authorization_codes) * million : 0;
  const answered = (figures.answer_bytes * million) / gigabyte;
  return [
    { item: 'HTTP API', price: 'api_request', quantity: million },
    { item: 'Lambda requests', price: 'lambda_request', quantity: million },
    { item: 'Lambda time', price: 'lambda_time', quantity: ((memory / 1024) * billed * million) / 1000 },
    { item: 'Logs taken in', price: 'log_ingested', quantity: logGigabytes },
    {
      item: 'Logs kept to the end of their retention',
      price: 'log_kept',
      quantity: (logGigabytes * assumed.log_compressed * logDaysOf(templates)) / 30,
    },
    { item: 'Metrics added up', price: 'lambda_request', quantity: added.invocations },
    {
      item: 'Metrics added up',
      price: 'lambda_time',
      quantity: ((memory / 1024) * added.billed_ms * added.invocations) / 1000,
    },
    { item: 'Metrics added up', price: 'log_ingested', quantity: (assumed.platform_log_bytes * added.invocations) / gigabyte },
    { item: 'Traces', price: 'trace', quantity: traces },
    { item: 'Keys fetched', price: 'secret_request', quantity: fetches },
    { item: 'Keys fetched', price: 'kms_request', quantity: fetches },
    {
      item: 'Rows, where storage has to grow for them',
      price: 'db_storage',
      quantity: (rows * (assumed.row_days / 30) + families * 3) / gigabyte,
    },
    { item: 'Answers sent', price: behindEdge ? 'edge_data_out' : 'data_out', quantity: answered },
    ...(behindEdge
      ? [
          { item: 'CloudFront', price: 'edge_request', quantity: million } as const,
          { item: 'Firewall', price: 'firewall_request', quantity: million } as const,
        ]
      : []),
  ];
}

/** Custom metrics that exist as soon as a route is used, a month: two outcomes of each route, and API Gateway's own six of each. */
export function computeMetrics(templates: Templates, measured: Measured): readonly Charge[] {
  const paths = templates.some('AWS::ApiGatewayV2::Route').length;
  const functions = templates.some('AWS::ApiGatewayV2::Integration').length;
  const own = Math.max(...Object.values(measured.requests).map(({ metrics }) => metrics));
  return [
    { item: 'Metrics of the server', price: 'custom_metric', quantity: functions * own },
    { item: 'Metrics of API Gateway for each route', price: 'custom_metric', quantity: paths * 6 },
  ];
}

/** Dollars of a million requests. */
export const perMillion = (...given: Parameters<typeof computeUse>): number => sum(computeUse(...given));

/** Requests in a second that make a million a month. */
export const millionAMonth = million / (hoursPerMonth * 3600);
