/** Lambda of the procedure record-destroy. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { recordDestroy } from '../../../lib/ops/record-destroy.ts';

const db = connectDatabase();

export const handler = serveProcedure(recordDestroy, { db, now: () => new Date() });
