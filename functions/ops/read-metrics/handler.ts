/** Lambda of the procedure read-metrics. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { readMetrics } from '../../../lib/ops/read-metrics.ts';

export const handler = serveProcedure(readMetrics, { db: connectDatabase(), now: () => new Date() });
