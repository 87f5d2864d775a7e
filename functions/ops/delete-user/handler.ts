/** Lambda of the procedure delete-user. */
import { connectDatabase } from '../../../lib/connect.ts';
import { deleteUser } from '../../../lib/ops/delete-user.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(deleteUser, { db, now: () => new Date() });
