/** Lambda of the procedure read-incident. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { readIncident } from '../../../lib/ops/read-incident.ts';

const db = connectDatabase();

export const handler = serveProcedure(readIncident, { db, now: () => new Date() });
