/** Answers EventBridge's PutEvents on a loopback address, for the buses of the template, and keeps what it got in a file to look at. */
import { randomUUID } from 'node:crypto';
import { appendFileSync, renameSync, statSync } from 'node:fs';
import { type AwsEndpoint, AwsError, type AwsRequest, openAwsEndpoint } from './aws-endpoint.ts';

export interface EventBusOptions {
  /** Takes one JSON line for each event, in the form in which a rule would get it; of the full one before it, the end stays beside it. */
  readonly file: string;
  readonly place: { readonly region: string; readonly account: string };
  /** Bytes of the file, for a test that wants to see the end of it. */
  readonly bytes?: number;
}

export interface EventBus extends AwsEndpoint {
  /** Names of the buses that there are. */
  declare(buses: readonly string[]): void;
}

interface Entry {
  readonly EventBusName?: string;
  readonly Source?: string;
  readonly DetailType?: string;
  readonly Detail?: string;
  /** Seconds since the epoch. */
  readonly Time?: number;
  readonly Resources?: readonly string[];
}

/** Entries of one request, and bytes of one entry, as EventBridge takes them. */
const [mostEntries, mostBytes] = [10, 256 * 1024];
const largestFile = 8 * 1024 * 1024;

function faultOf({ Source, DetailType, Detail }: Entry): { ErrorCode: string; ErrorMessage: string } | undefined {
  if (!Source || !DetailType || !Detail)
    return { ErrorCode: 'InvalidArgument', ErrorMessage: 'Source, DetailType and Detail are required.' };
  try {
    const detail: unknown = JSON.parse(Detail);
    if (typeof detail === 'object' && detail !== null && !Array.isArray(detail)) return undefined;
  } catch {
    // Not JSON at all.
  }
  return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Detail is malformed.' };
}

export async function openEventBus({ file, place, bytes = largestFile }: EventBusOptions): Promise<EventBus> {
  let known: readonly string[] = [];

  function keep(lines: string): void {
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > bytes) renameSync(file, `${file}.1`);
    appendFileSync(file, lines, { mode: 0o600 });
  }

  function putEvents(entries: readonly Entry[]): unknown {
    if (entries.length === 0 || entries.length > mostEntries)
      throw new AwsError('ValidationException', `Entries has ${entries.length} members; allowed: 1 to ${mostEntries}.`);
    if (entries.reduce((sum, { Detail = '' }) => sum + Buffer.byteLength(Detail), 0) > mostBytes)
      throw new AwsError('ValidationException', 'Total size of the entries in the request is over the limit.');
    const missing = entries.find(
      ({ EventBusName = 'default' }) => !known.includes(EventBusName.replace(/^arn:.*event-bus\//, '')),
    );
    if (missing)
      throw new AwsError('ResourceNotFoundException', `Event bus ${missing.EventBusName ?? 'default'} does not exist.`);
    let lines = '';
    const answers = entries.map((entry) => {
      const fault = faultOf(entry);
      if (fault) return fault;
      const id = randomUUID();
      const event = {
        version: '0',
        id,
        'detail-type': entry.DetailType,
        source: entry.Source,
        account: place.account,
        time: new Date(entry.Time === undefined ? Date.now() : entry.Time * 1000).toISOString(),
        region: place.region,
        resources: entry.Resources ?? [],
        detail: JSON.parse(String(entry.Detail)) as object,
      };
      lines += `${JSON.stringify(event)}\n`;
      return { EventId: id };
    });
    if (lines !== '') keep(lines);
    return { FailedEntryCount: answers.filter((answer) => 'ErrorCode' in answer).length, Entries: answers };
  }

  const endpoint = await openAwsEndpoint(({ headers, body }: AwsRequest) => {
    const operation = String(headers['x-amz-target'] ?? '').replace('AWSEvents.', '');
    if (operation !== 'PutEvents')
      throw new AwsError('UnknownOperationException', `${operation || 'no operation'} is not answered on this machine.`);
    const { Entries = [] } = JSON.parse(body || '{}') as { Entries?: readonly Entry[] };
    return { status: 200, body: JSON.stringify(putEvents(Entries)) };
  });
  return {
    ...endpoint,
    declare(buses) {
      known = buses;
    },
  };
}
