/** Lambda of the procedure record-move. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { recordMove } from '../../../lib/ops/record-move.ts';

const db = connectDatabase();

export const handler = serveProcedure(recordMove, { db, now: () => new Date() });
