/** The Lambda function of the consent page. */
import { readConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { createAddressGate } from '../../../lib/flows/address-gate.ts';
import { traced } from '../../../lib/flows/traced.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { presentAsPage } from '../../../lib/http/page-errors.ts';
import { consent } from './consent.ts';

const config = readConfig();
const db = connectDatabase();

export const handler = endpoint(
  'consent',
  { config, present: presentAsPage(config.theme), gate: createAddressGate(db, Date.now) },
  (request) => consent({ config, db: traced(db, request) }, request),
);
