/** Lambda of the procedure read-events. */
import { readConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { readEvents } from '../../../lib/ops/read-events.ts';

const db = connectDatabase();
const { issuer } = readConfig();

export const handler = serveProcedure(readEvents, { db, now: () => new Date(), issuer });
