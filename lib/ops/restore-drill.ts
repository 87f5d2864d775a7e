/** Restores the newest backup into a database that is thrown away, and measures how long that took and how much would have been lost. */
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { dropDatabase, maintenanceDatabase } from '../store/databases.ts';
import { metrics } from '../telemetry.ts';
import { backupIdForm } from './backup-manifest.ts';
import { matching, ProcedureFault } from './input.ts';
import { findManifest, type Loaded, loadBackup, type RestoreTools, withDatabase } from './load-backup.ts';
import type { ProcedureDefinition } from './procedure.ts';

export interface DrillTools extends RestoreTools {
  /** Name of the database that serves; the drill's own is called after it. */
  readonly live: string;
  readonly goals: RecoveryGoals;
}

/** The longest that a restore may take, and the oldest that the newest backup may be, in seconds. */
export interface RecoveryGoals {
  readonly recovery_time_seconds: number;
  readonly recovery_point_seconds: number;
}

export interface DrillInput {
  /** Default: the newest. */
  readonly backup_id?: string;
}

export interface Drilled extends Loaded {
  readonly backup_id: string;
  /** From the first step to the last check, seconds. */
  readonly recovery_time_seconds: number;
  /** Age of the newest backup when the drill began: what a loss at that moment would have cost. */
  readonly recovery_point_seconds: number;
}

/** Gives up before the function is stopped. */
const limitSeconds = 840;

/** What took longer, or is older, than it may, in sentences. */
export function missedGoals(found: RecoveryGoals, goals: RecoveryGoals): string[] {
  const { recovery_time_seconds: time, recovery_point_seconds: point } = found;
  return [
    ...(time > goals.recovery_time_seconds ? [`took ${time} s; the goal is ${goals.recovery_time_seconds} s`] : []),
    ...(point > goals.recovery_point_seconds
      ? [`the newest backup is ${point} s old; the goal is ${goals.recovery_point_seconds} s`]
      : []),
  ];
}

interface DrillFacts {
  readonly backup_id: string;
  /** What a loss would be answered with, whichever one is tried. */
  readonly newest_id: string;
}

export const restoreDrill: ProcedureDefinition<DrillTools, DrillInput, DrillFacts, Drilled> = {
  name: 'restore-drill',
  input: { backup_id: matching(backupIdForm, 'the id of a backup, as list-backups shows it') },
  async look({ storage }, { backup_id }) {
    const newest_id = (await storage.list()).find(({ complete }) => complete)?.backup_id;
    if (newest_id === undefined)
      throw new ProcedureFault('no_such_backup', 'there is no backup yet: oauth2ctl backup takes one', false);
    return { backup_id: backup_id ?? newest_id, newest_id };
  },
  plan: (_input, { backup_id }) => ({
    steps: [
      `load ${backup_id} into a database of its own, beside the one that serves`,
      'compare the rows and the checksum of every table with the manifest, and bring the schema up to date',
      'drop that database again, and publish how long it took',
    ],
  }),
  async apply(tools, _input, { backup_id, newest_id }) {
    const [started, began] = [performance.now(), tools.now()];
    const database = `${tools.live}_drill`;
    const manifest = await findManifest(tools, backup_id);
    const newest = (await tools.storage.readManifest(newest_id)) ?? manifest;
    try {
      const loaded = await loadBackup(tools, manifest, database, AbortSignal.timeout(limitSeconds * 1000));
      const recovery_time_seconds = Math.round(performance.now() - started) / 1000;
      const recovery_point_seconds = Math.round((began.getTime() - Date.parse(newest.taken_at)) / 1000);
      metrics.addMetric('recovery_time_seconds', MetricUnit.Seconds, recovery_time_seconds);
      metrics.addMetric('recovery_point_seconds', MetricUnit.Seconds, recovery_point_seconds);
      const missed = missedGoals({ recovery_time_seconds, recovery_point_seconds }, tools.goals);
      if (missed.length > 0)
        throw new ProcedureFault(
          'goal_missed',
          `${backup_id} was restored, every table as it was, but ${missed.join(', and ')}`,
          false,
        );
      return { backup_id, ...loaded, recovery_time_seconds, recovery_point_seconds };
    } finally {
      await withDatabase(tools, maintenanceDatabase, (server) => dropDatabase(server, database));
    }
  },
  describe: ({ backup_id, tables, rows, recovery_time_seconds }) =>
    `${backup_id}: ${tables} tables, ${rows} rows, restored in ${recovery_time_seconds} s`,
  next: () => ['oauth2ctl list-backups'],
};
