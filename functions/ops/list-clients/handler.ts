/** Lambda of the procedure list-clients. */
import { connectDatabase } from '../../../lib/connect.ts';
import { listClients } from '../../../lib/ops/list-clients.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(listClients, { db, now: () => new Date() });
