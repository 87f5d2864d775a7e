/** Lambda of the procedure aggregate-metrics: called by log subscriptions, and by the queue of what failed there. */
import { connectDatabase } from '../../../lib/connect.ts';
import { aggregateMetrics } from '../../../lib/ops/aggregate-metrics.ts';
import { readDeliveries } from '../../../lib/ops/log-deliveries.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const serve = serveProcedure(aggregateMetrics, { db: connectDatabase(), now: () => new Date() });

export const handler = async (event: unknown, context?: { readonly awsRequestId?: string }) =>
  serve({ input: { batches: readDeliveries(event) }, apply: true, reason: 'log subscription', actor: 'schedule' }, context);
