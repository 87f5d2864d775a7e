/** Drops what has expired and prepares the partitions ahead, without ever making a request wait. */
import { createPartitionsAhead, daysAhead, dropPartition, isOver, listPartitions, partitionName } from '../store/partitions.ts';
import { type Keeping, type Place, type PurgedTable, purgedTables, purgeTable } from '../store/purge.ts';
import { notePurge, readPurgePlaces } from '../store/purge-places.ts';
import { retireExpiredKeys } from '../store/signing-key-administration.ts';
import { tellProgress } from '../telemetry.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

/** Days of partitions there always are, today's included: two weeks of failed purges harm nobody. */
export const partitionDays = 14;
/** A run stops its work before the function is stopped; the next one goes on. Milliseconds. */
const longestRunMs = 240_000;

interface PurgeFacts {
  readonly over: readonly string[];
  readonly missing: readonly string[];
}

export interface Purged {
  readonly created_partitions: readonly string[];
  /** Their rows are in the default partition, or their lock never came. */
  readonly skipped_partitions: readonly string[];
  readonly dropped_partitions: readonly string[];
  /** Their lock never came: the next run drops them. */
  readonly kept_partitions: readonly string[];
  /** Signing keys that were withdrawn, since no token of theirs is left. */
  readonly retired_keys: readonly string[];
  readonly deleted: Readonly<Record<PurgedTable, number>>;
  /** Whether nothing that has expired is left. */
  readonly finished: boolean;
}

export interface PurgeTools extends Tools, Keeping {
  /** Another limit of a run than that of the function, milliseconds. */
  readonly longest_run_ms?: number;
}

/** Gives every table its share of the time, and what some leave of theirs to those that are not done. */
async function purgeTables(
  { db, now, ...keeping }: Omit<PurgeTools, 'longest_run_ms'>,
  leftMs: () => number,
): Promise<Pick<Purged, 'deleted' | 'finished'>> {
  const begins = await readPurgePlaces(db, now());
  const places = new Map<PurgedTable, Place>(purgedTables.map((table) => [table, { next: begins[table] ?? 0, read: 0 }]));
  const deleted = Object.fromEntries(purgedTables.map((table) => [table, 0])) as Record<PurgedTable, number>;
  do {
    const share = leftMs() / places.size;
    for (const [table, place] of places) {
      const began = performance.now();
      const until = () => {
        tellProgress(() => `what has expired in ${table}`);
        return leftMs() <= 0 || performance.now() - began > share;
      };
      const swept = await purgeTable(db, table, now(), until, keeping, place);
      await notePurge(db, table, swept, now());
      deleted[table] += swept.deleted;
      if (swept.finished) places.delete(table);
      else places.set(table, swept);
    }
  } while (places.size > 0 && leftMs() > 0);
  return { deleted, finished: places.size === 0 };
}

export const purgeExpired: ProcedureDefinition<PurgeTools, Record<string, never>, PurgeFacts, Purged> = {
  name: 'purge-expired',
  input: {},
  async look({ db, now }) {
    const known = await listPartitions(db);
    return {
      over: known.filter((name) => isOver(name, now())),
      missing: daysAhead(now(), partitionDays)
        .map(partitionName)
        .filter((name) => !known.includes(name)),
    };
  },
  plan: (_input, { over, missing }) => ({
    steps: [
      ...missing.map((name) => `create the partition ${name}`),
      ...over.map((name) => `drop the partition ${name}`),
      'withdraw the signing keys of which no token is left',
      `delete what has expired from ${purgedTables.join(', ')}`,
    ],
  }),
  async apply({ longest_run_ms = longestRunMs, ...tools }, _input, { over }) {
    const { db, now } = tools;
    const started = performance.now();
    const leftMs = () => longest_run_ms - (performance.now() - started);
    const retired_keys = await retireExpiredKeys(db, now());
    const { created, skipped } = await createPartitionsAhead(db, now(), partitionDays);
    const dropped: string[] = [];
    const kept: string[] = [];
    for (const name of over) (leftMs() > 0 && (await dropPartition(db, name)) ? dropped : kept).push(name);
    const { deleted, finished } = await purgeTables(tools, leftMs);
    return {
      created_partitions: created,
      skipped_partitions: skipped,
      dropped_partitions: dropped,
      kept_partitions: kept,
      retired_keys,
      deleted,
      finished: finished && kept.length === 0,
    };
  },
  describe: ({ created_partitions, dropped_partitions, deleted, finished }) =>
    `${created_partitions.length} partitions created, ${dropped_partitions.length} dropped, ` +
    `${Object.values(deleted).reduce((sum, count) => sum + count, 0)} rows deleted${finished ? '' : ', not finished'}`,
  next: ({ finished }) => (finished ? ['oauth2ctl status'] : ['oauth2ctl purge-expired: it goes on where it stopped']),
};
