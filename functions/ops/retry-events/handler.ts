/** Lambda of the procedure retry-events. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { retryEvents } from '../../../lib/ops/retry-events.ts';

const db = connectDatabase();

export const handler = serveProcedure(retryEvents, { db, now: () => new Date() });
