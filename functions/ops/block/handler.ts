/** Lambda of the procedure block. */
import { connectDatabase } from '../../../lib/connect.ts';
import { block } from '../../../lib/ops/block.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(block, { db, now: () => new Date() });
