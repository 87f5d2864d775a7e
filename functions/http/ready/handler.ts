/** The Lambda function of the readiness check. */
import { readConfig, readSigningSecret } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { readKeyRing } from '../../../lib/keys/vault.ts';
import { ready } from './ready.ts';

const config = readConfig();
const db = connectDatabase();
const secret = readSigningSecret();

export const handler = endpoint('ready', { config }, (request) =>
  ready({ config, db, loadRing: () => readKeyRing(secret) }, request),
);
