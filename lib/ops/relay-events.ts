/** Sends the events of the outbox to the bus: each at least once, those of one subject in order, and nothing is lost while the bus is broken. */
import { randomUUID } from 'node:crypto';
import type { RecordedType } from '../event-types.ts';
import { toCloudEvent } from '../protocol/cloud-event.ts';
import {
  type Backlog,
  type FailedEvent,
  listDueEvents,
  measureBacklog,
  noteBusFailure,
  noteOutcomes,
  type OutboxEvent,
  releaseLease,
  takeLease,
} from '../store/event-relay.ts';
import { count, log, observeDuration } from '../telemetry.ts';
import { bySubject, headOf, inBatches } from './event-rounds.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { BusUnavailable, entriesAtOnce, type PutEvents } from './put-events.ts';
import { keepTrail, type PutTrail } from './write-trail.ts';

/** Events that are read, sent and noted together. */
const pageSize = 1000;
/** Requests to the bus under way at a time. */
const abreast = 8;
/** A run stops its work before the function is stopped; the next one goes on. Milliseconds. */
const longestRunMs = 40_000;

export interface RelayTools extends Tools {
  readonly issuer: string;
  /** Which types the filter lets through to the bus. */
  readonly publishes: (type: RecordedType) => boolean;
  /** Absent where the stage has no bus. */
  readonly put?: PutEvents;
  /** Absent where nothing is kept outside of the database. */
  readonly trail?: PutTrail;
}

export interface Relayed extends Backlog {
  /** False where another run is under way: then nothing was done. */
  readonly relayed_here: boolean;
  readonly delivered: number;
  /** Recorded for a restore alone: the filter keeps them from the bus. */
  readonly kept_back: number;
  readonly failed: number;
  /** Why the bus took nothing; null where it took what there was. */
  readonly bus_fault: string | null;
  /** Events that were written to the trail. */
  readonly trailed: number;
  readonly trail_fault: string | null;
}

/** What became of a page. */
interface Outcome {
  readonly delivered: OutboxEvent[];
  readonly failed: FailedEvent[];
  fault?: string;
}

async function sendBatch(put: PutEvents, issuer: string, batch: readonly OutboxEvent[], outcome: Outcome): Promise<void> {
  if (outcome.fault !== undefined) return;
  try {
    const faults = await put(batch.map((event) => toCloudEvent(event, issuer)));
    batch.forEach((event, index) => {
      const reason = faults[index];
      if (reason === undefined) outcome.delivered.push(event);
      else outcome.failed.push({ event, reason });
    });
  } catch (cause) {
    if (!(cause instanceof BusUnavailable)) throw cause;
    outcome.fault ??= cause.message;
  }
}

/** Sends a page in rounds: in each the next events of every subject, side by side; behind one that failed nothing of its subject follows. */
async function sendPage(put: PutEvents, issuer: string, page: readonly OutboxEvent[], until: () => boolean): Promise<Outcome> {
  const outcome: Outcome = { delivered: [], failed: [] };
  for (let lists = bySubject(page); lists.length > 0 && outcome.fault === undefined && !until(); ) {
    const failedBefore = outcome.failed.length;
    const batches = inBatches(
      lists.flatMap((list) => list.slice(0, headOf(list))),
      entriesAtOnce,
    ).values();
    const work = async () => {
      for (const batch of batches) await sendBatch(put, issuer, batch, outcome);
    };
    await Promise.all(Array.from({ length: abreast }, work));
    const broken = new Set(outcome.failed.slice(failedBefore).map(({ event }) => event.subject));
    lists = lists.map((list) => list.slice(headOf(list))).filter(([next]) => next && !broken.has(next.subject));
  }
  return outcome;
}

async function drain(tools: RelayTools, holder: string): Promise<Omit<Relayed, keyof Backlog | 'relayed_here'>> {
  const { db, issuer, publishes, put, trail } = tools;
  const started = performance.now();
  const until = () => performance.now() - started > longestRunMs;
  // What is in the trail is safe from then on; only that is sent.
  const kept = trail && (await keepTrail(db, holder, trail, issuer, until));
  if (kept?.fault) log('error', 'the trail of events cannot be written', { detail: kept.fault });
  const total = {
    delivered: 0,
    kept_back: 0,
    failed: 0,
    bus_fault: null as string | null,
    trailed: kept?.trailed ?? 0,
    trail_fault: kept?.fault ?? null,
  };
  for (let after = '0'; !until(); ) {
    const page = await listDueEvents(db, after, pageSize, trail !== undefined);
    const withheld = page.filter(({ type }) => put === undefined || !publishes(type));
    const wanted = page.filter((event) => !withheld.includes(event));
    const outcome = put ? await sendPage(put, issuer, wanted, until) : { delivered: [], failed: [] };
    const noted = await noteOutcomes(db, holder, [...withheld, ...outcome.delivered], outcome.failed);
    // Another run has taken over: what was sent here is sent by it once more, under the same idempotency key.
    if (!noted.held) break;
    total.delivered += outcome.delivered.length;
    total.kept_back += withheld.length;
    total.failed += outcome.failed.length;
    for (const { event, reason } of outcome.failed)
      log('warn', 'event not delivered', { event_id: event.event_id, type: event.type, detail: reason });
    if (outcome.fault !== undefined) {
      total.bus_fault = outcome.fault;
      await noteBusFailure(db, holder);
      log('error', 'the bus takes no events', { detail: outcome.fault });
      break;
    }
    if (page.length < pageSize) break;
    after = page.at(-1)?.sequence ?? after;
  }
  return total;
}

function publish({ delivered, waiting, oldest_seconds, set_aside }: Relayed): void {
  count('events_relayed_total', delivered);
  count('events_backlog', waiting);
  count('events_set_aside', set_aside);
  observeDuration('events_oldest_seconds', oldest_seconds * 1000);
}

export const relayEvents: ProcedureDefinition<RelayTools, Record<string, never>, null, Relayed> = {
  name: 'relay-events',
  input: {},
  look: async () => null,
  plan: () => ({ steps: [] }),
  async apply(tools) {
    const holder = randomUUID();
    const nothing = { delivered: 0, kept_back: 0, failed: 0, bus_fault: null, trailed: 0, trail_fault: null };
    const relayed_here = await takeLease(tools.db, holder);
    const done = relayed_here ? await drain(tools, holder).finally(() => releaseLease(tools.db, holder)) : nothing;
    const relayed = { relayed_here, ...done, ...(await measureBacklog(tools.db)) };
    publish(relayed);
    return relayed;
  },
  describe: ({ relayed_here, delivered, failed, waiting, set_aside, bus_fault, trail_fault }) =>
    relayed_here
      ? `${delivered} events delivered, ${failed} failed, ${waiting} wait, ${set_aside} set aside${[bus_fault, trail_fault].map((fault) => (fault ? `; ${fault}` : '')).join('')}`
      : 'another run is under way',
};
