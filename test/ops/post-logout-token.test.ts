/** The POST of a logout token: to a real receiver on a loopback address, and to nowhere that it must not go. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { postLogoutToken } from '../../lib/ops/post-logout-token.ts';

const issuer = 'http://127.0.0.1:8080';

async function receive(t: TestContext, listener: RequestListener): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

test('Back-Channel Logout §2.5: the token is the parameter logout_token of a form', async (t) => {
  let received: unknown;
  const { port, seen } = await receive(t, async (request, response) => {
    const chunks = await request.toArray();
    received = [request.headers['content-type'], request.headers.host, Buffer.concat(chunks).toString()];
    response.end('ignored');
  });
  assert.equal(await postLogoutToken(`http://localhost:${port}/out?tenant=1`, 'a.b.c', { issuer }), undefined);
  assert.deepEqual(received, ['application/x-www-form-urlencoded', `localhost:${port}`, 'logout_token=a.b.c']);
  assert.deepEqual(seen, ['POST /out?tenant=1']);
});

for (const [status, fault] of [
  [200, undefined],
  [204, undefined],
  [400, 'the client answered 400'],
  [503, 'the client answered 503'],
  [202, 'the client answered 202'],
] as const)
  test(`Back-Channel Logout §2.8: ${status} is ${fault === undefined ? 'delivered' : 'not delivered'}`, async (t) => {
    const { port } = await receive(t, (_request, response) => response.writeHead(status).end());
    assert.equal(await postLogoutToken(`http://127.0.0.1:${port}/`, 'a.b.c', { issuer }), fault);
  });

test('SSRF: a redirect is not followed', async (t) => {
  const { port, seen } = await receive(t, (_request, response) => response.writeHead(307, { location: '/inner' }).end());
  assert.equal(await postLogoutToken(`http://127.0.0.1:${port}/out`, 'a.b.c', { issuer }), 'the client answered 307');
  assert.deepEqual(seen, ['POST /out']);
});

test('a client that does not answer, and one that never ends its body, hold nobody up', async (t) => {
  const silent = await receive(t, () => {});
  const fault = await postLogoutToken(`http://127.0.0.1:${silent.port}/`, 'a.b.c', { issuer, longest_ms: 50 });
  assert.equal(fault, 'no answer in time');
  const endless = await receive(t, (_request, response) => response.writeHead(200).write('and '));
  assert.equal(await postLogoutToken(`http://127.0.0.1:${endless.port}/`, 'a.b.c', { issuer }), undefined);
});

test('a port where nobody listens is a failure, and says nothing of the token', async (t) => {
  const { port } = await receive(t, () => {});
  const fault = await postLogoutToken(`https://client.example:${port}/`, 'a.b.c', { issuer, resolve: async () => [] });
  assert.match(fault ?? '', /may not be reached/);
  assert.doesNotMatch(fault ?? '', /a\.b\.c/);
});

for (const inner of ['127.0.0.1', '10.0.0.7', '169.254.169.254', '100.64.0.1', '::1', 'fd00:ec2::254', '::ffff:10.0.0.1'])
  test(`SSRF: a name that leads to ${inner}, alone or beside a public address, is not connected to`, async () => {
    const family = inner.includes(':') ? 6 : 4;
    for (const others of [[], [{ address: '8.8.8.8', family: 4 }]]) {
      const resolve = async () => [...others, { address: inner, family }];
      const fault = await postLogoutToken('https://client.example/out', 'a.b.c', { issuer: 'https://issuer.example', resolve });
      assert.equal(fault, 'the host resolves to an address that may not be reached');
    }
  });

test('SSRF: a name is resolved once, and the address that was checked is the one that is connected to', async (t) => {
  const { port, seen } = await receive(t, (_request, response) => response.end());
  let asked = 0;
  const resolve = async () => {
    asked += 1;
    return [{ address: asked === 1 ? '127.0.0.1' : '10.0.0.1', family: 4 }];
  };
  assert.equal(await postLogoutToken(`http://localhost:${port}/out`, 'a.b.c', { issuer, resolve }), undefined);
  assert.deepEqual([asked, seen.length], [1, 1]);
});

test('SSRF: localhost that leads elsewhere than to this machine is refused', async () => {
  const resolve = async () => [{ address: '10.0.0.1', family: 4 }];
  assert.match((await postLogoutToken('http://localhost/out', 'a.b.c', { issuer, resolve })) ?? '', /may not be reached/);
});

test('SSRF: a receiver on a loopback address is refused where the issuer is a public one', async (t) => {
  const { port, seen } = await receive(t, (_request, response) => response.end());
  const fault = await postLogoutToken(`http://127.0.0.1:${port}/`, 'a.b.c', { issuer: 'https://issuer.example' });
  assert.match(fault ?? '', /loopback/);
  assert.deepEqual(seen, []);
});
