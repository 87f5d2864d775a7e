/** The Lambda function of the client registration endpoint. */
import { readConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { createAddressGate } from '../../../lib/flows/address-gate.ts';
import { traced } from '../../../lib/flows/traced.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { register } from './register.ts';

const config = readConfig();
const db = connectDatabase();

export const handler = endpoint('register', { config, gate: createAddressGate(db, Date.now) }, (request) =>
  register({ config, db: traced(db, request) }, request),
);
