/** Puts events to the stage's bus: the only importer of the EventBridge client, which is loaded when there is something to send. */
import type { CloudEvent } from '../protocol/cloud-event.ts';

/** Entries that EventBridge takes in one request. */
export const entriesAtOnce = 10;
/** Longest wait for one request, in milliseconds. */
const timeoutMs = 5000;

/** The bus takes nothing now: nothing is known about what was put to it. */
export class BusUnavailable extends Error {
  override name = 'BusUnavailable';
}

/** @returns for each event why it was not taken, undefined where it was @throws {BusUnavailable} */
export type PutEvents = (events: readonly CloudEvent[]) => Promise<readonly (string | undefined)[]>;

/** @param bus its name @param source by which rules find the stage's events */
export function openBus(bus: string, source: string): PutEvents {
  let connection: ReturnType<typeof connect> | undefined;
  async function connect() {
    const { EventBridgeClient, PutEventsCommand } = await import('@aws-sdk/client-eventbridge');
    const requestHandler = { requestTimeout: timeoutMs, connectionTimeout: 2000 };
    return { client: new EventBridgeClient({ maxAttempts: 3, requestHandler }), PutEventsCommand };
  }
  return async (events) => {
    connection ??= connect();
    const { client, PutEventsCommand } = await connection;
    const Entries = events.map((event) => ({
      EventBusName: bus,
      Source: source,
      DetailType: event.type,
      Time: new Date(event.time),
      Detail: JSON.stringify(event),
    }));
    const answer = await client.send(new PutEventsCommand({ Entries })).catch((cause: Error) => {
      throw new BusUnavailable(`${cause.name}: ${cause.message}`, { cause });
    });
    const entries = answer.Entries ?? [];
    const throttled = entries.find(({ ErrorCode = '' }) => ErrorCode.startsWith('Throttling'));
    // It is no fault of the event, and counts as no attempt.
    if (throttled && entries.every(({ ErrorCode }) => ErrorCode !== undefined))
      throw new BusUnavailable(`${throttled.ErrorCode}: ${throttled.ErrorMessage}`);
    return events.map((_, index) => {
      const { EventId, ErrorCode, ErrorMessage } = entries[index] ?? {};
      if (EventId !== undefined) return undefined;
      return ErrorCode === undefined ? 'the bus did not say what became of it' : `${ErrorCode}: ${ErrorMessage ?? ''}`;
    });
  };
}
