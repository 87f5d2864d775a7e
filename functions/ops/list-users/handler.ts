/** Lambda of the procedure list-users. */
import { connectDatabase } from '../../../lib/connect.ts';
import { listUsers } from '../../../lib/ops/list-users.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(listUsers, { db, now: () => new Date() });
