/** Lambda of the procedure set-password. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { setPassword } from '../../../lib/ops/set-password.ts';

const db = connectDatabase();

export const handler = serveProcedure(setPassword, { db, now: () => new Date() });
