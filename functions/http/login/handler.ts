/** The Lambda function of the sign-in page. */
import { readConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { createAddressGate } from '../../../lib/flows/address-gate.ts';
import { traced } from '../../../lib/flows/traced.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { presentAsPage } from '../../../lib/http/page-errors.ts';
import { login } from './login.ts';

const config = readConfig();
const db = connectDatabase();

export const handler = endpoint(
  'login',
  { config, present: presentAsPage(config.theme), gate: createAddressGate(db, Date.now) },
  (request) => login({ config, db: traced(db, request) }, request),
);
