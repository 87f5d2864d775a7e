/** The review of the access log: counts by route, address and client, and who stands out. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type DeployedStage, openDeployedStage } from './deployed-stage.ts';

let stage: DeployedStage;
let count = 0;
beforeEach(async () => {
  stage = await openDeployedStage();
});
afterEach(() => stage.stop());

function say(group: string, fields: object, ago = 60_000): void {
  const events = stage.account.logs.get(group) ?? [];
  events.push({ id: String(count++), timestamp: Date.now() - ago, stream: 's', message: JSON.stringify(fields) });
  stage.account.logs.set(group, events);
}

function serve(route: string, status: number, address: string, fields: object = {}, ago?: number): void {
  const request_id = `r${count}`;
  const line = { request_id, route: `ANY /${route}`, method: 'POST', status: String(status), address };
  say('/aws/vendedlogs/oauth2-dev-access', line, ago);
  say(`/aws/lambda/oauth2-dev-${route}`, { level: 'info', message: 'request', request_id, route, status, ...fields }, ago);
}

test('requests are counted by route and status, address and client; who is refused most stands out', async () => {
  for (let one = 0; one < 12; one++) serve('login', 401, '192.0.2.9', { error: 'access_denied' });
  for (let one = 0; one < 3; one++) serve('token', 200, '192.0.2.1', { client_id: 'good' });
  serve('token', 401, '192.0.2.1', { client_id: 'good', error: 'invalid_client' });
  serve('token', 429, '192.0.2.2', { client_id: 'bad\u001b[31m' });
  serve('token', 200, '192.0.2.3', {}, 3 * 86_400_000);
  const { code, json } = await stage.run('access-report', '--json');
  assert.equal(code, 0);
  assert.equal(json.requests, 17);
  assert.deepEqual(json.by_route.find(({ route }: { route: string }) => route === 'token').statuses, { 200: 3, 401: 1, 429: 1 });
  assert.deepEqual(
    [json.by_address[0].address, json.by_address[0].refused, json.by_address[0].denied_sign_ins],
    ['192.0.2.9', 12, 12],
  );
  assert.equal(json.denied_sign_ins, 12);
  assert.deepEqual(json.unusual, ['address 192.0.2.9: 12 of 12 requests were refused']);
  assert.deepEqual(json.errors[0], { what: 'login access_denied', times: 12 });
  const { stdout } = await stage.run('access-report');
  assert.match(stdout, /^192\.0\.2\.9 +12 +12 +0 +12$/m);
  assert.match(stdout, /Next: oauth2ctl block/);
  assert.ok(!stdout.includes('\u001b'));
  assert.equal((await stage.run('access-report', '--since', '7d', '--json')).json.requests, 18);
});

test('behind CloudFront an address is the one that the function served; of what never reached one, that of CloudFront', async () => {
  for (let one = 0; one < 2; one++) serve('token', 401, '130.176.0.9', { address: '203.0.113.7' });
  say('/aws/vendedlogs/oauth2-dev-access', {
    request_id: 'x',
    route: 'ANY /token',
    method: 'POST',
    status: '429',
    address: '130.176.0.9',
  });
  const { json } = await stage.run('access-report', '--json');
  assert.deepEqual(
    json.by_address.map(({ address, requests }: { address: string; requests: number }) => [address, requests]),
    [
      ['203.0.113.7', 2],
      ['130.176.0.9', 1],
    ],
  );
});

test('where nothing was asked, nothing is unusual', async () => {
  const { code, stdout } = await stage.run('access-report', '--since', '1h');
  assert.equal(code, 0);
  assert.match(stdout, /Nothing unusual\.$/m);
});
