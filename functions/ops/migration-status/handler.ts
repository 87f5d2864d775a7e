/** Lambda of the procedure migration-status. */
import { connectDatabase } from '../../../lib/connect.ts';
import { migrationStatus } from '../../../lib/ops/migration-status.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

export const handler = serveProcedure(migrationStatus, { db: connectDatabase(), now: () => new Date(), directory: 'migrations' });
