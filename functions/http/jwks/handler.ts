/** The Lambda function of the JWKS: the published keys, read from the store once a second at most. */
import { readConfig } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { createJwksServer } from './jwks.ts';

const config = readConfig();
const db = connectDatabase();
const serve = createJwksServer(db, Date.now);

export const handler = endpoint('jwks', { config }, serve);
