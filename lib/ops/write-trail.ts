/** Writes the trail: every recorded event also outside of the database, page by page, and of which time that is all. */
import { toCloudEvent } from '../protocol/cloud-event.ts';
import { type Database, DatabaseUnavailable } from '../store/database.ts';
import { readLineage } from '../store/databases.ts';
import { listUntrailedEvents, noteTrailComplete, noteTrailed, type OutboxEvent } from '../store/event-relay.ts';
import { attemptStorage, connectStorage, StorageUnavailable } from './backup-storage.ts';
import { type TrailHead, trailDay, trailHeadKey } from './read-trail.ts';

/** Puts a text under a key. @throws {StorageUnavailable} */
export type PutTrail = (key: string, text: string) => Promise<void>;

/** Events that are written and noted together. */
const pageSize = 1000;

export function openTrail(Bucket: string): PutTrail {
  return (Key, Body) =>
    attemptStorage(`writing ${Key}`, async () => {
      const { client, PutObjectCommand } = await connectStorage();
      const ContentType = Key.endsWith('.json') ? 'application/json' : 'application/jsonl';
      await client.send(new PutObjectCommand({ Bucket, Key, Body, ContentType }), { abortSignal: AbortSignal.timeout(10_000) });
    });
}

/**
 * `trail/YYYY/MM/DD/FIRST-LAST-ID.jsonl`: CloudEvents of one day (UTC), one a line, so that whoever reads since an instant lists from its day on.
 * The id of its first event keeps pages apart that databases wrote which do not know of each other, as after a restore.
 */
export function pagesOf(events: readonly OutboxEvent[], issuer: string): [key: string, text: string][] {
  const days = Map.groupBy(events, ({ at }) => trailDay(at));
  return [...days].map(([day, own]) => {
    const [first, last] = [own[0] as OutboxEvent, own.at(-1) as OutboxEvent];
    const lines = own.map((event) => `${JSON.stringify(toCloudEvent(event, issuer))}\n`);
    return [`${day}${first.sequence}-${last.sequence}-${first.event_id.slice(0, 8)}.jsonl`, lines.join('')];
  });
}

export interface Trailed {
  readonly trailed: number;
  /** Why the trail was not written to its end; null where it was. */
  readonly fault: string | null;
}

/**
 * Writes what is not in the trail yet. What has no end by then is complete up to the instant at which the last question was asked, since that
 * one saw every transaction that had been committed.
 */
export async function keepTrail(
  db: Database,
  holder: string,
  put: PutTrail,
  issuer: string,
  until: () => boolean,
): Promise<Trailed> {
  let trailed = 0;
  try {
    const lineage = await readLineage(db);
    if (lineage === undefined) return { trailed, fault: 'the database has no history of migrations' };
    while (!until()) {
      const { events, read_at, given } = await listUntrailedEvents(db, pageSize);
      for (const [key, text] of pagesOf(events, issuer)) await put(key, text);
      if (events.length > 0 && !(await noteTrailed(db, holder, events))) break;
      trailed += events.length;
      if (events.length === pageSize) continue;
      const since = await noteTrailComplete(db, holder, read_at);
      if (since === undefined) break;
      const head: TrailHead = { complete_from: since.toISOString(), complete_to: read_at.toISOString(), sequence: given };
      await put(trailHeadKey(lineage), JSON.stringify(head));
      break;
    }
    return { trailed, fault: null };
  } catch (cause) {
    // What is in the trail already can still be sent.
    if (!(cause instanceof StorageUnavailable || cause instanceof DatabaseUnavailable)) throw cause;
    return { trailed, fault: cause.detail };
  }
}
