/** Answers the part of the CloudWatch Logs API that reads, over the logs of this machine. */
import { type AwsEndpoint, AwsError, type AwsRequest, openAwsEndpoint } from './aws-endpoint.ts';
import { readFilterPattern } from './filter-pattern.ts';
import type { LogEvent } from './log-journal.ts';

export interface LogSource {
  groups(): string[];
  read(group: string, from: number, to: number): LogEvent[];
}

type Input = Readonly<Record<string, unknown>>;

/** Events of one answer; what AWS takes as the highest limit. */
const page = 10_000;

function findGroup(source: LogSource, input: Input): string {
  const named = String(input.logGroupName ?? input.logGroupIdentifier ?? '');
  const name = named.replace(/^arn:.*:log-group:([^:]+).*$/, '$1');
  if (!source.groups().includes(name)) throw new AwsError('ResourceNotFoundException', 'The specified log group does not exist.');
  return name;
}

function filterEvents(source: LogSource, input: Input): unknown {
  const group = findGroup(source, input);
  const { startTime = 0, endTime = Number.MAX_SAFE_INTEGER, limit = page, nextToken, logStreamNames } = input;
  const matches = readFilterPattern(String(input.filterPattern ?? ''));
  const streams = logStreamNames as readonly string[] | undefined;
  const from = Number(nextToken ?? 0);
  const found = source
    .read(group, Number(startTime), Number(endTime))
    .filter(({ stream, message }) => (streams === undefined || streams.includes(stream)) && matches(message));
  const events = found.slice(from, from + Math.min(Number(limit), page)).map(({ id, timestamp, stream, message }) => ({
    eventId: id,
    timestamp,
    ingestionTime: timestamp,
    logStreamName: stream,
    message,
  }));
  const next = from + events.length;
  return { events, searchedLogStreams: [], ...(next < found.length && { nextToken: String(next) }) };
}

const operations: Record<string, (source: LogSource, input: Input) => unknown> = {
  FilterLogEvents: filterEvents,
  DescribeLogGroups: (source, { logGroupNamePrefix = '' }) => ({
    logGroups: source
      .groups()
      .filter((name) => name.startsWith(String(logGroupNamePrefix)))
      .map((logGroupName) => ({ logGroupName })),
  }),
};

/** Carries out one operation. @throws AwsError as the API refuses */
export function answerLogs(source: LogSource, name: string, input: Input): unknown {
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
  if (!operation) throw new AwsError('UnknownOperationException', `${name || 'no operation'} is not answered on this machine.`);
  return operation(source, input);
}

export function openLogsApi(source: LogSource): Promise<AwsEndpoint> {
  return openAwsEndpoint(({ headers, body }: AwsRequest) => {
    const name = String(headers['x-amz-target'] ?? '').replace('Logs_20140328.', '');
    return { status: 200, body: JSON.stringify(answerLogs(source, name, JSON.parse(body || '{}') as Input)) };
  });
}
