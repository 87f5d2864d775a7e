/** Serves the metrics to a Prometheus that has the token; to everybody else there is nothing here. */
import type { Config } from '../../../lib/config.ts';
import { type HttpRequest, readBearerHeader } from '../../../lib/http/request.ts';
import type { HttpResponse } from '../../../lib/http/response.ts';
import { matchesDigest } from '../../../lib/protocol/digest.ts';
import { Refusal } from '../../../lib/protocol/errors.ts';
import type { Database } from '../../../lib/store/database.ts';
import { listTotals } from '../../../lib/store/metrics.ts';
import { expose } from './exposition.ts';

export interface MetricsParts {
  readonly config: Pick<Config, 'metrics_token_sha256'>;
  readonly db: Database;
}

/** @throws {Refusal} 404 where the stage has no token, 401 where the request has another */
function checkPermission({ config }: MetricsParts, request: HttpRequest): void {
  if (config.metrics_token_sha256 === '') throw new Refusal('invalid_request', 'There is nothing here.', { status: 404 });
  const token = readBearerHeader(request);
  if (token === undefined) {
    throw new Refusal('invalid_token', 'The metrics need a token.', { challenge: 'Bearer realm="metrics"', silent: true });
  }
  if (matchesDigest(token, Buffer.from(config.metrics_token_sha256, 'hex'))) return;
  throw new Refusal('invalid_token', 'The token is not valid.', { challenge: 'Bearer realm="metrics", error="invalid_token"' });
}

export async function metrics(parts: MetricsParts, request: HttpRequest): Promise<HttpResponse> {
  checkPermission(parts, request);
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'cache-control': 'no-store' },
    body: expose(await listTotals(parts.db)),
  };
}
