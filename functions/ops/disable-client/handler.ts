/** Lambda of the procedure disable-client. */
import { connectDatabase } from '../../../lib/connect.ts';
import { disableClient } from '../../../lib/ops/disable-client.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(disableClient, { db, now: () => new Date() });
