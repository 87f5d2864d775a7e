/** The Lambda function of the health of events. */
import { readConfig, sendsEvents } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { eventsHealth } from './events-health.ts';

const config = readConfig();
const db = connectDatabase();
const enabled = sendsEvents();

export const handler = endpoint('events-health', { issuer: config.issuer }, () => eventsHealth({ db, enabled }));
