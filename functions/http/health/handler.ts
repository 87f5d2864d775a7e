/** The Lambda function of the liveness check: that it answers is the answer; nothing else is touched. */
import { readConfig } from '../../../lib/config.ts';
import { endpoint } from '../../../lib/http/endpoint.ts';
import { answerJson } from '../../../lib/http/response.ts';

const config = readConfig();
const started = Date.now();

export const handler = endpoint('health', { config }, () => {
  const now = Date.now();
  return answerJson({
    status: 'healthy',
    service: 'oauth2_server',
    timestamp: new Date(now).toISOString(),
    version: config.version,
    release: config.release,
    uptime_seconds: Math.floor((now - started) / 1000),
  });
});
