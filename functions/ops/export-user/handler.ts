/** Lambda of the procedure export-user. */
import { connectDatabase } from '../../../lib/connect.ts';
import { exportUser } from '../../../lib/ops/export-user.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(exportUser, { db, now: () => new Date() });
