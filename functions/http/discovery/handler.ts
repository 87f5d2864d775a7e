/** The Lambda function of the discovery document: built once, no database, no keys. */
import { readConfig } from '../../../lib/config.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { answerJson } from '../../../lib/http/response.ts';
import { describeServer } from '../../../lib/protocol/discovery.ts';
import { routes } from '../../../lib/routes.ts';

const config = readConfig();
const document = describeServer(config.issuer, routes, config.registration !== 'off');
const answer = answerJson(document, 200, { 'cache-control': 'public, max-age=300' });

export const handler = endpoint('discovery', { config }, () => answer);
