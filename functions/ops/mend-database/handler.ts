/** Lambda of the procedure mend-database. */
import { readDatabaseConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { mendDatabase } from '../../../lib/ops/mend-database.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

/** Longest wait for one statement, in milliseconds: before the function's own end, so that a refusal is told. */
const deadlineMs = 840_000;
const db = connectDatabase({ ...readDatabaseConfig(), connections: 1 }, deadlineMs);

export const handler = serveProcedure(mendDatabase, { db, now: () => new Date() });
