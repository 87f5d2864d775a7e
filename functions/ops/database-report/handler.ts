/** Lambda of the procedure database-report. */
import { connectDatabase } from '../../../lib/connect.ts';
import { databaseReport } from '../../../lib/ops/database-report.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

export const handler = serveProcedure(databaseReport, { db: connectDatabase(), now: () => new Date() });
