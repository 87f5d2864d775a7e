/** Lambda of the procedure relay-events. */
import { readConfig, readEventBus, readEventContext, readTrailBucket } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { openBus } from '../../../lib/ops/put-events.ts';
import { relayEvents } from '../../../lib/ops/relay-events.ts';
import { openTrail } from '../../../lib/ops/write-trail.ts';

const { issuer, stage } = readConfig();
const db = connectDatabase();
const bus = readEventBus();

export const handler = serveProcedure(relayEvents, {
  db,
  now: () => new Date(),
  issuer,
  publishes: readEventContext().publishes,
  trail: openTrail(readTrailBucket()),
  ...(bus !== '' && { put: openBus(bus, `oauth2-${stage}`) }),
});
