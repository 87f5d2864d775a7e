/** Lambda of the procedure disable-user. */
import { connectDatabase } from '../../../lib/connect.ts';
import { disableUser } from '../../../lib/ops/disable-user.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(disableUser, { db, now: () => new Date() });
