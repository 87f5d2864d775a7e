/** The Lambda function that takes in events of other producers. */
import { readConfig, sendsEvents } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { createAddressGate } from '../../../lib/flows/address-gate.ts';
import { traced } from '../../../lib/flows/traced.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { createKeyFinder } from '../../../lib/keys/public-keys.ts';
import { listPublishedKeys } from '../../../lib/store/signing-keys.ts';
import { ingest } from './events-ingest.ts';

const config = readConfig();
const db = connectDatabase();
const enabled = sendsEvents();
const findKey = createKeyFinder(() => listPublishedKeys(db), Date.now);

export const handler = endpoint('events-ingest', { config, gate: createAddressGate(db, Date.now) }, (request) =>
  ingest({ config, db: traced(db, request), findKey, enabled }, request),
);
