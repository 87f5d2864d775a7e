/** Finds out to which instants RDS can take the database back, before anything is begun. */
import { withInstances } from '../observe/stage-clients.ts';
import { ReleaseFault } from '../releases/fault.ts';
import type { ToolContext } from '../releases/tool.ts';

export interface RestoreWindow {
  readonly from: Date;
  readonly to: Date;
}

/** @throws {ReleaseFault} where the stage's database keeps no log to go back by, or is not one of RDS */
export async function findWindow(context: ToolContext): Promise<RestoreWindow> {
  const DBInstanceIdentifier = `oauth2-${context.stage}`;
  return withInstances(context, async (rds) => {
    const { DescribeDBInstanceAutomatedBackupsCommand, DescribeDBInstancesCommand } = await import('@aws-sdk/client-rds');
    const refused = (error: Error): never => {
      throw new ReleaseFault('no_window', `RDS does not tell to which instants it can go back: ${error.message}`);
    };
    const { DBInstanceAutomatedBackups = [] } = await rds
      .send(new DescribeDBInstanceAutomatedBackupsCommand({ DBInstanceIdentifier }))
      .catch(refused);
    const { DBInstances = [] } = await rds.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier })).catch(refused);
    const from = DBInstanceAutomatedBackups[0]?.RestoreWindow?.EarliestTime;
    const to = DBInstances[0]?.LatestRestorableTime;
    if (from === undefined || to === undefined)
      throw new ReleaseFault('no_window', `${DBInstanceIdentifier} cannot be taken back to an instant: restore a backup instead`);
    return { from, to };
  });
}

/** @throws {ReleaseFault} where an instant is not in the window */
export function checkInstant(instant: Date, { from, to }: RestoreWindow): void {
  if (instant >= from && instant <= to) return;
  throw new ReleaseFault(
    'out_of_window',
    `the database can be taken back to an instant from ${from.toISOString()} to ${to.toISOString()}, not to ${instant.toISOString()}`,
  );
}
