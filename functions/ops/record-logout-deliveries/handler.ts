/** Lambda of the procedure record-logout-deliveries. */
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { recordLogoutDeliveries } from '../../../lib/ops/record-logout-deliveries.ts';

const db = connectDatabase();

export const handler = serveProcedure(recordLogoutDeliveries, { db, now: () => new Date() });
