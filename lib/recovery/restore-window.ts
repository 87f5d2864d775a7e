/** Finds out to which instants RDS can take the database back, and by which instance's backups, before anything is begun. */
import type { DBInstanceAutomatedBackup } from '@aws-sdk/client-rds';
import { withInstances } from '../observe/stage-clients.ts';
import { ReleaseFault } from '../releases/fault.ts';
import type { ToolContext } from '../releases/tool.ts';
import { instanceNames } from '../stages.ts';

export interface RestoreWindow {
  /** Name of the instance. */
  readonly instance: string;
  /** How its backups are asked for: by its name, or by RDS's id where it is gone and RDS keeps what it had of it. */
  readonly source: string;
  readonly from: Date;
  readonly to: Date;
}

function toWindow(instance: string, backup: DBInstanceAutomatedBackup): RestoreWindow[] {
  const { RestoreWindow: { EarliestTime: from, LatestTime: to } = {}, Status, DbiResourceId = instance } = backup;
  return from && to ? [{ instance, source: Status === 'retained' ? DbiResourceId : instance, from, to }] : [];
}

/**
 * Those of the instance that serves first, then of the generations before it.
 * @throws {ReleaseFault} where the stage's database keeps no log to go back by, or is not one of RDS
 */
export async function findWindows(context: ToolContext): Promise<RestoreWindow[]> {
  const names = instanceNames(context.stage);
  return withInstances(context, async (rds) => {
    const { DescribeDBInstanceAutomatedBackupsCommand } = await import('@aws-sdk/client-rds');
    const windows: RestoreWindow[] = [];
    for (const name of names) {
      const command = new DescribeDBInstanceAutomatedBackupsCommand({ DBInstanceIdentifier: name });
      const { DBInstanceAutomatedBackups = [] } = await rds.send(command).catch((error: Error) => {
        if (error.name === 'DBInstanceAutomatedBackupNotFoundFault') return { DBInstanceAutomatedBackups: [] };
        throw new ReleaseFault('no_window', `RDS does not tell to which instants it can go back: ${error.message}`);
      });
      windows.push(...DBInstanceAutomatedBackups.flatMap((backup) => toWindow(name, backup)));
    }
    if (windows.length > 0) return windows;
    throw new ReleaseFault(
      'no_window',
      `${names.join(' and ')} cannot be taken back to an instant: there are no automated backups of it; restore a backup instead`,
    );
  });
}

/** @returns the window that an instant is in @throws {ReleaseFault} where it is in none */
export function chooseWindow(instant: Date, windows: readonly RestoreWindow[]): RestoreWindow {
  const found = windows.find(({ from, to }) => instant >= from && instant <= to);
  if (found) return found;
  const spans = windows.map(({ instance, from, to }) => `from ${from.toISOString()} to ${to.toISOString()} (${instance})`);
  throw new ReleaseFault(
    'out_of_window',
    `the database can be taken back to an instant ${spans.join(' or ')}, not to ${instant.toISOString()}`,
  );
}
