/** Drops what has expired and prepares the partitions ahead, without ever making a request wait. */
import { createPartitionsAhead, daysAhead, dropPartition, isOver, listPartitions, partitionName } from '../store/partitions.ts';
import { type Keeping, type PurgedTable, purgedTables, purgeTable } from '../store/purge.ts';
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

export type PurgeTools = Tools & Keeping;

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
  async apply({ db, now, ...keeping }, _input, { over }) {
    const started = performance.now();
    const until = () => performance.now() - started > longestRunMs;
    const retired_keys = await retireExpiredKeys(db, now());
    const { created, skipped } = await createPartitionsAhead(db, now(), partitionDays);
    const dropped: string[] = [];
    const kept: string[] = [];
    for (const name of over) (!until() && (await dropPartition(db, name)) ? dropped : kept).push(name);
    const deleted = {} as Record<PurgedTable, number>;
    let finished = kept.length === 0;
    for (const table of purgedTables) {
      const goesOn = () => {
        tellProgress(() => `what has expired in ${table}`);
        return until();
      };
      const purged = await purgeTable(db, table, now(), goesOn, keeping);
      deleted[table] = purged.deleted;
      finished &&= purged.finished;
    }
    return {
      created_partitions: created,
      skipped_partitions: skipped,
      dropped_partitions: dropped,
      kept_partitions: kept,
      retired_keys,
      deleted,
      finished,
    };
  },
  describe: ({ created_partitions, dropped_partitions, deleted, finished }) =>
    `${created_partitions.length} partitions created, ${dropped_partitions.length} dropped, ` +
    `${Object.values(deleted).reduce((sum, count) => sum + count, 0)} rows deleted${finished ? '' : ', not finished'}`,
  next: ({ finished }) => (finished ? ['oauth2ctl status'] : ['oauth2ctl purge-expired: it goes on where it stopped']),
};
