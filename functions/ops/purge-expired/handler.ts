/** Lambda of the procedure purge-expired. */
import { readEventRetention, readMetricsRetention } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { purgeExpired } from '../../../lib/ops/purge-expired.ts';

const db = connectDatabase();

export const handler = serveProcedure(purgeExpired, {
  db,
  now: () => new Date(),
  events_ms: readEventRetention(),
  metrics_ms: readMetricsRetention(),
});
