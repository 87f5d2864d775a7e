/** Lambda of the procedure restore-step. */
import { readBackupConfig } from '../../../lib/config.ts';
import { connectRestorer } from '../../../lib/connect-restorer.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { openTrailReader } from '../../../lib/ops/read-trail.ts';
import { restoreStep } from '../../../lib/ops/restore-step.ts';

export const handler = serveProcedure(restoreStep, {
  ...connectRestorer(),
  trail: openTrailReader(readBackupConfig().storage.bucket),
});
