/** Checks that the discovery function follows the route table and needs neither database nor keys. */
import assert from 'node:assert/strict';
import { env } from 'node:process';
import { after, before, test } from 'node:test';
import { type Route, routes } from '../../../lib/routes.ts';
import { callFunction } from '../../support/gateway-event.ts';
import { captureOutput, type Output } from '../../support/output.ts';

let output: Output;

// No server, no database: the function has to do without.
before(() => {
  output = captureOutput();
  Object.assign(env, {
    OAUTH2_STAGE: 'test',
    OAUTH2_ISSUER: 'https://auth.example',
    POWERTOOLS_METRICS_NAMESPACE: 'test',
    POWERTOOLS_SERVICE_NAME: 'test',
  });
});
after(() => output.restore());

test('RFC 8414 §2: each row of the route table with metadata is announced at its first path', async () => {
  const answer = await callFunction('discovery', { method: 'GET', path: '/.well-known/openid-configuration' });
  assert.equal(answer.statusCode, 200);
  const document = JSON.parse(answer.body);
  for (const route of Object.values<Route>(routes)) {
    if (route.metadata === undefined || route.metadata === 'registration_endpoint') continue;
    assert.equal(document[route.metadata], `https://auth.example${route.paths[0]}`);
  }
  assert.equal('registration_endpoint' in document, false);
});

test('the route table says that it needs neither database nor keys', () => {
  assert.deepEqual(routes.discovery.needs, []);
});
