/** Lambda of the procedure collect-logout-notices. */
import { connectDatabase } from '../../../lib/connect.ts';
import { collectLogoutNotices } from '../../../lib/ops/collect-logout-notices.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(collectLogoutNotices, { db, now: () => new Date() });
