/** Lambda of the procedure restore-drill. */
import { readRecoveryGoals } from '../../../lib/config.ts';
import { connectRestorer } from '../../../lib/connect-restorer.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { restoreDrill } from '../../../lib/ops/restore-drill.ts';

export const handler = serveProcedure(restoreDrill, { ...connectRestorer(), goals: readRecoveryGoals() });
