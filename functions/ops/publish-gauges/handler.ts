/** Lambda of the procedure publish-gauges. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { publishGauges } from '../../../lib/ops/publish-gauges.ts';

const db = connectDatabase();

export const handler = serveProcedure(publishGauges, { db, now: () => new Date() });
