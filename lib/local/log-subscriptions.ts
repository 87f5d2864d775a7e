/** Delivers what is written to the logs to the functions that subscribe to it, as CloudWatch Logs does: by stream, in batches, gzipped. */
import { gzipSync } from 'node:zlib';
import { readFilterPattern } from './filter-pattern.ts';
import type { LogEvent } from './log-journal.ts';
import type { Outcome } from './sandbox.ts';

export interface LogSubscription {
  readonly group: string;
  readonly pattern: string;
  readonly function: string;
}

export interface LogSubscriptions {
  /** Puts the subscriptions of a template in place of those before. */
  replace(subscriptions: readonly LogSubscription[]): void;
  /** Takes what was written to a group. */
  take(group: string, events: readonly LogEvent[]): void;
  /** Delivers what waits, once more and no longer. */
  close(): Promise<void>;
}

export interface LogSubscriptionsOptions {
  readonly account: string;
  invoke(name: string, payload: string): Promise<Outcome>;
  /** Takes a line about a delivery that failed. */
  say(line: string): void;
  /** Milliseconds that events wait for others; a delivery that failed is repeated after as many, then twice, and so on. */
  readonly pause_ms?: number;
}

/** What waits to go from one stream to one function. */
interface Waiting {
  readonly subscription: LogSubscription;
  readonly stream: string;
  events: LogEvent[];
  failures: number;
  timer: NodeJS.Timeout | undefined;
}

/** Events of one delivery. */
const largestBatch = 1000;
/** Events of a stream that are kept while their function fails; the oldest go first. */
const longestQueue = 50_000;
const longestPauseMs = 30_000;

/** The event that a function gets. */
export function deliveryOf(
  account: string,
  { group, pattern }: LogSubscription,
  stream: string,
  events: readonly LogEvent[],
): string {
  const delivered = {
    messageType: 'DATA_MESSAGE',
    owner: account,
    logGroup: group,
    logStream: stream,
    subscriptionFilters: [pattern],
    logEvents: events.map(({ id, timestamp, message }) => ({ id, timestamp, message })),
  };
  return JSON.stringify({ awslogs: { data: gzipSync(JSON.stringify(delivered)).toString('base64') } });
}

export function createLogSubscriptions({ account, invoke, say, pause_ms = 1000 }: LogSubscriptionsOptions): LogSubscriptions {
  let subscribed = new Map<string, (LogSubscription & { matches(message: string): boolean })[]>();
  const queues = new Map<string, Waiting>();
  let delivering: Promise<unknown> = Promise.resolve();
  let closed = false;

  async function deliver(key: string, waiting: Waiting): Promise<void> {
    const { subscription, stream } = waiting;
    const batch = waiting.events.splice(0, largestBatch);
    const { verdict, payload } = await invoke(subscription.function, deliveryOf(account, subscription, stream, batch)).catch(
      (error: Error) => ({ verdict: 'failed', payload: error.message }),
    );
    if (verdict !== 'answered') {
      if (waiting.failures++ === 0)
        say(`${subscription.function} did not take what ${subscription.group} says; it is tried again: ${payload}`);
      waiting.events = [...batch, ...waiting.events].slice(-longestQueue);
    } else waiting.failures = 0;
    if (waiting.events.length === 0) queues.delete(key);
    else schedule(key, waiting);
  }

  function schedule(key: string, waiting: Waiting): void {
    if (closed) return;
    waiting.timer = setTimeout(
      () => {
        waiting.timer = undefined;
        delivering = Promise.all([delivering, deliver(key, waiting)]);
      },
      Math.min(pause_ms * 2 ** waiting.failures, longestPauseMs),
    );
    waiting.timer.unref();
  }

  return {
    replace(subscriptions) {
      const read = subscriptions.map((one) => ({ ...one, matches: readFilterPattern(one.pattern) }));
      subscribed = Map.groupBy(read, ({ group }) => group);
    },
    take(group, events) {
      if (closed) return;
      for (const subscription of subscribed.get(group) ?? [])
        for (const event of events) {
          if (!subscription.matches(event.message)) continue;
          const key = `${subscription.function} ${group} ${event.stream}`;
          const waiting = queues.get(key) ?? { subscription, stream: event.stream, events: [], failures: 0, timer: undefined };
          waiting.events.push(event);
          if (queues.has(key)) continue;
          queues.set(key, waiting);
          schedule(key, waiting);
        }
    },
    async close() {
      closed = true;
      for (const { timer } of queues.values()) clearTimeout(timer);
      await delivering;
      await Promise.all([...queues].map(([key, waiting]) => waiting.events.length > 0 && deliver(key, waiting)));
    },
  };
}
