/** Lambda of the procedure record-incident. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { recordIncident } from '../../../lib/ops/record-incident.ts';

const db = connectDatabase();

export const handler = serveProcedure(recordIncident, { db, now: () => new Date() });
