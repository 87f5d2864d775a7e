/** The Lambda function of the userinfo endpoint. */
import { readConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { createAddressGate } from '../../../lib/flows/address-gate.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { createKeyFinder } from '../../../lib/keys/public-keys.ts';
import { listPublishedKeys } from '../../../lib/store/signing-keys.ts';
import { userinfo } from './userinfo.ts';

const config = readConfig();
const db = connectDatabase();
const findKey = createKeyFinder(() => listPublishedKeys(db), Date.now);

export const handler = endpoint('userinfo', { config, gate: createAddressGate(db, Date.now) }, (request) =>
  userinfo({ config, db, findKey }, request),
);
