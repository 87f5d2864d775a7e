/** Lambda of the procedure record-discard. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { recordDiscard } from '../../../lib/ops/record-discard.ts';

const db = connectDatabase();

export const handler = serveProcedure(recordDiscard, { db, now: () => new Date() });
