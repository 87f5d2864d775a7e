/** Lines in embedded metric format, and the event by which CloudWatch Logs delivers them to a function. */
import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';

export interface DeliveredLine {
  readonly id: string;
  readonly timestamp: number;
  readonly message: string;
}

const namespace = 'oauth2_server';

/** A line as the functions write it: each dimension set publishes the same values. */
export function embedded(
  fields: Readonly<Record<string, string>>,
  values: Readonly<Record<string, number | readonly number[]>>,
  timestamp = Date.now(),
): DeliveredLine {
  const { status = '200' } = fields;
  const Dimensions = [
    ['service', 'status_class'],
    ['service', ...Object.keys(fields)],
  ];
  const Metrics = Object.keys(values).map((Name) => ({ Name, Unit: 'Count' }));
  const _aws = { Timestamp: timestamp, CloudWatchMetrics: [{ Namespace: namespace, Dimensions, Metrics }] };
  const message = JSON.stringify({ _aws, service: 'oauth2-test', status_class: `${status[0]}xx`, ...fields, ...values });
  return { id: randomUUID(), timestamp, message };
}

/** A request of a route, as `lib/http/endpoint.ts` counts it. */
export function requestLine(
  route: string,
  status: number,
  seconds: number,
  more: Readonly<Record<string, number | readonly number[]>> = {},
  timestamp = Date.now(),
): DeliveredLine {
  const counted = { http_requests_total: 1, http_request_duration_seconds: seconds, ...more };
  return embedded({ route, method: 'POST', status: String(status) }, counted, timestamp);
}

export function deliver(lines: readonly DeliveredLine[], stream = 'stream', group = '/aws/lambda/oauth2-test-token') {
  const delivered = {
    messageType: 'DATA_MESSAGE',
    owner: '1',
    logGroup: group,
    logStream: stream,
    subscriptionFilters: ['metrics'],
    logEvents: lines,
  };
  return { awslogs: { data: gzipSync(JSON.stringify(delivered)).toString('base64') } };
}
