/** The Lambda function of the health of events. */
import { readConfig, sendsEvents } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { createAddressGate } from '../../../lib/flows/address-gate.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { eventsHealth } from './events-health.ts';

const config = readConfig();
const db = connectDatabase();
const enabled = sendsEvents();

export const handler = endpoint('events-health', { config, gate: createAddressGate(db, Date.now) }, () =>
  eventsHealth({ db, enabled }),
);
