/** The liveness check answers by itself: version, release, uptime, and no statement in the database. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
before(async () => {
  server = await startServer({ OAUTH2_RELEASE: 'r-42', OAUTH2_VERSION: '1.2.3' });
});
after(() => server.stop());

test('GET /health names service, version, release and uptime', async () => {
  const response = await fetch(server.url('/health'));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  const { timestamp, uptime_seconds, ...rest } = (await response.json()) as Record<string, unknown>;
  assert.deepEqual(rest, { status: 'healthy', service: 'oauth2_server', version: '1.2.3', release: 'r-42' });
  assert.ok(Math.abs(Date.now() - Date.parse(String(timestamp))) < 60_000);
  assert.ok(Number.isInteger(uptime_seconds) && (uptime_seconds as number) >= 0);
});

test('GET /health asks the database nothing', async () => {
  server.output.clear();
  await fetch(server.url('/health'));
  assert.equal(server.output.text().includes('db_queries_total'), false);
  assert.equal(server.output.logs().length, 1);
});

test('POST /health is 405 with Allow', async () => {
  const response = await fetch(server.url('/health'), { method: 'POST' });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get('allow'), 'GET, HEAD, OPTIONS');
});
