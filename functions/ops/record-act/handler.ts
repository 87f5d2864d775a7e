/** Lambda of the procedure record-act. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { recordAct } from '../../../lib/ops/record-act.ts';

const db = connectDatabase();

export const handler = serveProcedure(recordAct, { db, now: () => new Date() });
