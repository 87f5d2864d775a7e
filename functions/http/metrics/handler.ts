/** The Lambda function of the metrics for Prometheus. */
import { readConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { createAddressGate } from '../../../lib/flows/address-gate.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { metrics } from './metrics.ts';

const config = readConfig();
const db = connectDatabase();

export const handler = endpoint('metrics', { config, gate: createAddressGate(db, Date.now) }, (request) =>
  metrics({ config, db }, request),
);
