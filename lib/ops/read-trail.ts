/** Reads the trail of events beside the backups: what ended is known there when the database is lost. */
import { type EventType, listReplayed } from '../event-types.ts';
import { overlapMs } from '../store/carry-events.ts';
import type { ReplayedEvent, ReplayedPages } from '../store/replay-events.ts';
import { attemptStorage, connectStorage } from './backup-storage.ts';

/** Of which time the trail has everything. */
export interface TrailHead {
  /** Every change that was committed since this instant is in the trail. ISO 8601; absent: not known. */
  readonly complete_from?: string;
  /** Every change that was committed before this instant is in the trail. ISO 8601; null: not known. */
  readonly complete_to: string | null;
  /** The last number that was given to an event by then, as text: a database that is restored from the trail gives out higher ones. */
  readonly sequence?: string;
}

export interface TrailReader {
  /** @param lineage of the database that wrote it @returns undefined where there is no trail */
  readHead(lineage: string): Promise<TrailHead | undefined>;
  /** What has to be carried out again since an instant; of what comes in order, each event once. */
  readSince(since: Date): ReplayedPages;
}

/** A line of a page. */
interface TrailLine {
  readonly id: string;
  readonly sequence: string;
  readonly time: string;
  readonly type: EventType;
  readonly data: Readonly<Record<string, unknown>>;
}

const toReplayed = ({ type, time, data }: TrailLine): ReplayedEvent => ({ type, time, data });

/** One for each database: an empty one that takes the place of one that was lost must not take away what is known of that. */
export const trailHeadKey = (lineage: string): string => `trail/heads/${lineage}.json`;
/** Pages are under the day of their first event: `trail/2026/11/25/…jsonl`. */
export const trailDay = (at: Date): string => `trail/${at.toISOString().slice(0, 10).replaceAll('-', '/')}/`;

/** A page is under the day of its first event, and goes on with the next ones. */
const reachBackMs = 86_400_000;

export function openTrailReader(Bucket: string): TrailReader {
  const get = (Key: string) =>
    attemptStorage(`reading ${Key}`, async () => {
      const { client, GetObjectCommand } = await connectStorage();
      const found = await client.send(new GetObjectCommand({ Bucket, Key })).catch((cause: unknown) => {
        if (cause instanceof Error && cause.name === 'NoSuchKey') return undefined;
        throw cause;
      });
      return found?.Body?.transformToString();
    });
  return {
    async readHead(lineage) {
      const text = await get(trailHeadKey(lineage));
      return text === undefined ? undefined : (JSON.parse(text) as TrailHead);
    },
    async *readSince(since) {
      const keys: string[] = [];
      await attemptStorage('listing the trail', async () => {
        const { client, paginateListObjectsV2 } = await connectStorage();
        const StartAfter = trailDay(new Date(since.getTime() - reachBackMs));
        for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix: 'trail/', StartAfter }))
          for (const { Key = '' } of Contents) if (Key.endsWith('.jsonl')) keys.push(Key);
      });
      const [anyOrder, inOrder] = [new Set(listReplayed('in any order')), new Set(listReplayed('in order'))];
      const ordered = new Map<string, TrailLine>();
      for (const key of keys) {
        const lines = ((await get(key)) ?? '')
          .split('\n')
          .filter(Boolean)
          .map((text) => JSON.parse(text) as TrailLine)
          // What was recorded before may be committed after.
          .filter(({ time }) => Date.parse(time) >= since.getTime() - overlapMs);
        yield lines.filter(({ type }) => anyOrder.has(type)).map(toReplayed);
        for (const line of lines) if (inOrder.has(line.type)) ordered.set(line.id, line);
      }
      yield [...ordered.values()]
        // Numbers order the events of one database; an empty one that took its place began anew.
        .toSorted(
          (one, other) => Date.parse(one.time) - Date.parse(other.time) || Number(BigInt(one.sequence) - BigInt(other.sequence)),
        )
        .map(toReplayed);
    },
  };
}
