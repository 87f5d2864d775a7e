/** Lambda of the procedure unblock. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { unblock } from '../../../lib/ops/unblock.ts';

const db = connectDatabase();

export const handler = serveProcedure(unblock, { db, now: () => new Date() });
