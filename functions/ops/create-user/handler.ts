/** Lambda of the procedure create-user. */
import { connectDatabase } from '../../../lib/connect.ts';
import { createUser } from '../../../lib/ops/create-user.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(createUser, { db, now: () => new Date() });
