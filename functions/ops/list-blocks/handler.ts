/** Lambda of the procedure list-blocks. */
import { connectDatabase } from '../../../lib/connect.ts';
import { listBlocks } from '../../../lib/ops/list-blocks.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(listBlocks, { db, now: () => new Date() });
