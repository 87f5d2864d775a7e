/** Lambda of the procedure create-client. */
import { connectDatabase } from '../../../lib/connect.ts';
import { createClient } from '../../../lib/ops/create-client.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(createClient, { db, now: () => new Date() });
