/** The Lambda function of the token endpoint. */
import { readConfig, readSigningSecret } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { createAddressGate } from '../../../lib/flows/address-gate.ts';
import { traced } from '../../../lib/flows/traced.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { createSigner } from '../../../lib/keys/signer.ts';
import { readKeyRing } from '../../../lib/keys/vault.ts';
import { token } from './token.ts';

const config = readConfig();
const db = connectDatabase();
const secret = readSigningSecret();
const signer = createSigner(() => readKeyRing(secret), Date.now);

export const handler = endpoint('token', { config, gate: createAddressGate(db, Date.now) }, (request) =>
  token({ config, db: traced(db, request), signer }, request),
);
