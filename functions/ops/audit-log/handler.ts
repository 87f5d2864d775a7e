/** Lambda of the procedure audit-log. */
import { connectDatabase } from '../../../lib/connect.ts';
import { auditLog } from '../../../lib/ops/audit-log.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const db = connectDatabase();

export const handler = serveProcedure(auditLog, { db, now: () => new Date() });
