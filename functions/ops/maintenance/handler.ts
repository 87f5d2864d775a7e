/** Lambda of the procedure maintenance. */
import { connectDatabase } from '../../../lib/connect.ts';
import { maintenance } from '../../../lib/ops/maintenance.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(maintenance, { db, now: () => new Date() });
