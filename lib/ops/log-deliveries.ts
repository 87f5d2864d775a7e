/** Reads what CloudWatch Logs delivers to a function: one batch by itself, or batches that failed before and waited in a queue. */
import { gunzipSync } from 'node:zlib';
import type { LoggedLine } from './embedded-metrics.ts';
import { isObject, ProcedureFault } from './input.ts';

/** Lines of one log stream. */
export interface LogBatch {
  readonly group: string;
  readonly stream: string;
  readonly lines: readonly LoggedLine[];
}

interface Delivered {
  readonly messageType: string;
  readonly logGroup: string;
  readonly logStream: string;
  readonly logEvents: readonly LoggedLine[];
}

function decode(event: unknown): LogBatch[] {
  const data = isObject(event) && isObject(event.awslogs) ? event.awslogs.data : undefined;
  if (typeof data !== 'string') throw new ProcedureFault('invalid_input', 'the event is no delivery of CloudWatch Logs');
  const { messageType, logGroup, logStream, logEvents } = JSON.parse(
    gunzipSync(Buffer.from(data, 'base64')).toString(),
  ) as Delivered;
  // A control message only asks whether somebody is there.
  return messageType === 'DATA_MESSAGE' ? [{ group: logGroup, stream: logStream, lines: logEvents }] : [];
}

/**
 * The batches in an event: of a subscription, or in the messages of a queue that Lambda puts what failed into.
 * @throws {ProcedureFault} for an event that is neither
 */
export function readDeliveries(event: unknown): LogBatch[] {
  if (!isObject(event) || !Array.isArray(event.Records)) return decode(event);
  return event.Records.flatMap(({ body }: { body: string }) =>
    decode((JSON.parse(body) as { requestPayload: unknown }).requestPayload),
  );
}
