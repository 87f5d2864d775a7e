/** Lambda of the procedure explain-statement. */
import { connectDatabase } from '../../../lib/connect.ts';
import { explainStatement } from '../../../lib/ops/explain-statement.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(explainStatement, { db, now: () => new Date() });
