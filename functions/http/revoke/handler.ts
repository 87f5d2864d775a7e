/** The Lambda function of the revocation endpoint. */
import { readConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { createAddressGate } from '../../../lib/flows/address-gate.ts';
import { traced } from '../../../lib/flows/traced.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { createKeyFinder } from '../../../lib/keys/public-keys.ts';
import { listPublishedKeys } from '../../../lib/store/signing-keys.ts';
import { revoke } from './revoke.ts';

const config = readConfig();
const db = connectDatabase();
const findKey = createKeyFinder(() => listPublishedKeys(db), Date.now);

export const handler = endpoint('revoke', { config, gate: createAddressGate(db, Date.now) }, (request) =>
  revoke({ config, db: traced(db, request), findKey }, request),
);
