/** The gateway: routes, events and answers as an API Gateway HTTP API gives them (payload format 2.0). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createGateway, FunctionUnavailable, type Invoke } from '../../lib/local/gateway.ts';
import type { HttpEvent } from '../../lib/local/http-event.ts';
import { type GatewayRoute, routeMatcher } from '../../lib/local/route-match.ts';

const everything: GatewayRoute[] = [{ method: 'ANY', path: '$default', function: 'echo' }];

async function serve(t: TestContext, invoke: Invoke, routes: readonly GatewayRoute[] = everything): Promise<number> {
  const gateway = createGateway({ routes, invoke });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  t.after(() => gateway.closeAllConnections());
  t.after(() => gateway.close());
  return (gateway.address() as { port: number }).port;
}

/** Sends a request to a server that answers with the event it made of it. */
async function eventOf(
  t: TestContext,
  path: string,
  init: RequestInit = {},
  routes?: readonly GatewayRoute[],
): Promise<HttpEvent> {
  const port = await serve(t, async (_, event) => ({ statusCode: 200, body: JSON.stringify(event) }), routes);
  return (await (await fetch(`http://127.0.0.1:${port}${path}`, init)).json()) as HttpEvent;
}

/** Sends bytes as they are and gives back all that the server says until it closes. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(text);
  let answer = '';
  for await (const chunk of socket.setEncoding('latin1')) answer += chunk;
  return answer;
}

test('the event has the members of payload format 2.0', async (t) => {
  const event = await eventOf(t, '/a%20b/c?x=1&x=2&y=%C3%BC&z', { headers: { 'User-Agent': 'agent', 'X-Thing': 'One' } });
  assert.equal(event.version, '2.0');
  assert.equal(event.routeKey, '$default');
  assert.equal(event.rawPath, '/a%20b/c');
  assert.equal(event.rawQueryString, 'x=1&x=2&y=%C3%BC&z');
  assert.deepEqual(event.queryStringParameters, { x: '1,2', y: 'ü', z: '' });
  assert.equal(event.headers['x-thing'], 'One');
  assert.equal(event.headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(event.headers['x-forwarded-proto'], 'http');
  const { http, requestId, stage, timeEpoch, domainName, time } = event.requestContext;
  const { sourceIp, userAgent, method, path, protocol } = http;
  assert.deepEqual(
    { sourceIp, userAgent, method, path, protocol },
    { sourceIp: '127.0.0.1', userAgent: 'agent', method: 'GET', path: '/a%20b/c', protocol: 'HTTP/1.1' },
  );
  assert.match(requestId, /^[0-9a-f-]{36}$/);
  assert.equal(stage, '$default');
  assert.ok(Math.abs(Date.now() - timeEpoch) < 60_000);
  assert.match(domainName, /^127\.0\.0\.1:\d+$/);
  assert.match(time, /^\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
  assert.deepEqual(
    [event.body, event.isBase64Encoded, event.cookies, event.pathParameters],
    [undefined, false, undefined, undefined],
  );
});

test('repeated header fields are joined with a comma and cookies stand apart', async (t) => {
  const port = await serve(t, async (_, event) => ({ statusCode: 200, body: JSON.stringify(event) }));
  const fields = [
    'Host: h',
    'X-Many: a',
    'x-many: b',
    'Authorization: one',
    'Authorization: two',
    'Cookie: a=1; b=2',
    'Cookie: c=3',
  ];
  const answer = await exchange(port, `GET / HTTP/1.1\r\n${fields.join('\r\n')}\r\nConnection: close\r\n\r\n`);
  const event = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as HttpEvent;
  assert.equal(event.headers['x-many'], 'a,b');
  assert.equal(event.headers.authorization, 'one,two');
  assert.deepEqual(event.cookies, ['a=1', 'b=2', 'c=3']);
  assert.equal(event.headers.cookie, undefined);
});

for (const [type, body, encoded] of [
  ['application/json', '{"a":"ü"}', false],
  ['application/json; charset=utf-8', '{}', false],
  ['text/plain', 'words', false],
  ['application/x-www-form-urlencoded', 'a=1&b=2', true],
  ['application/octet-stream', 'bytes', true],
] as const)
  test(`a body of ${type} ${encoded ? 'is base64' : 'is plain'} in the event`, async (t) => {
    const event = await eventOf(t, '/', { method: 'POST', headers: { 'content-type': type }, body });
    assert.equal(event.isBase64Encoded, encoded);
    assert.equal(encoded ? Buffer.from(event.body ?? '', 'base64').toString() : event.body, body);
  });

test('text that is not UTF-8 keeps its bytes as base64', async (t) => {
  const bytes = new Uint8Array([0xff, 0xfe, 0x41]);
  const event = await eventOf(t, '/', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: bytes });
  assert.equal(event.isBase64Encoded, true);
  assert.deepEqual(new Uint8Array(Buffer.from(event.body ?? '', 'base64')), bytes);
});

test('path parameters are taken from their segments, decoded', async (t) => {
  const routes = [{ method: 'GET', path: '/clients/{client_id}', function: 'echo' }];
  const event = await eventOf(t, '/clients/a%2Fb', {}, routes);
  assert.deepEqual(event.pathParameters, { client_id: 'a/b' });
  assert.equal(event.routeKey, 'GET /clients/{client_id}');
});

test('the most specific path wins, then the method before ANY', () => {
  const match = routeMatcher([
    { method: 'ANY', path: '/{rest+}', function: 'greedy' },
    { method: 'ANY', path: '/a/{id}', function: 'parameter' },
    { method: 'ANY', path: '/a/b', function: 'any' },
    { method: 'GET', path: '/a/b', function: 'get' },
    { method: 'ANY', path: '/', function: 'root' },
  ]);
  const found = (method: string, path: string) => match(method, path)?.route.function;
  assert.deepEqual(
    [
      found('GET', '/a/b'),
      found('POST', '/a/b'),
      found('GET', '/a/c'),
      found('GET', '/a/c/d'),
      found('GET', '/'),
      found('GET', '/a/b/'),
    ],
    ['get', 'any', 'parameter', 'greedy', 'root', 'greedy'],
  );
  assert.deepEqual(match('GET', '/a/c/d')?.parameters, { rest: 'a/c/d' });
});

test('a path or method without a route is 404', async (t) => {
  const port = await serve(t, async () => ({ statusCode: 200 }), [{ method: 'GET', path: '/a', function: 'echo' }]);
  for (const [method, path] of [
    ['GET', '/b'],
    ['POST', '/a'],
    ['GET', '/a/'],
  ] as const) {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    assert.deepEqual([response.status, await response.text()], [404, '{"message":"Not Found"}']);
  }
});

test('status, headers, cookies and a base64 body reach the client', async (t) => {
  const port = await serve(t, async () => ({
    statusCode: 201,
    headers: { 'Content-Type': 'image/x', 'X-Number': 7, Connection: 'close' },
    cookies: ['a=1; Secure', 'b=2'],
    body: Buffer.from([1, 2, 255]).toString('base64'),
    isBase64Encoded: true,
  }));
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(response.status, 201);
  assert.deepEqual(response.headers.getSetCookie(), ['a=1; Secure', 'b=2']);
  assert.deepEqual([response.headers.get('content-type'), response.headers.get('x-number')], ['image/x', '7']);
  assert.ok(response.headers.get('apigw-requestid'));
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array([1, 2, 255]));
});

test('an answer without a status code is the body itself', async (t) => {
  const port = await serve(t, async () => ({ plain: true }));
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.deepEqual(
    [response.status, response.headers.get('content-type'), await response.json()],
    [200, 'application/json', { plain: true }],
  );
});

test('HEAD has the headers and no body', async (t) => {
  const port = await serve(t, async (_, event) => ({ statusCode: 200, body: event.requestContext.http.method }));
  const asked = request({ port, host: '127.0.0.1', method: 'HEAD', path: '/' }).end();
  const [response] = await once(asked, 'response');
  assert.equal(response.headers['content-length'], '4');
  assert.deepEqual(await response.toArray(), []);
});

test('a function that cannot answer now is 503, one that fails or answers nonsense is 500', async (t) => {
  const answers: Record<string, () => unknown> = {
    '/away': () => Promise.reject(new FunctionUnavailable('busy')),
    '/fails': () => Promise.reject(new Error('secret detail')),
    '/status': () => ({ statusCode: 'many' }),
    '/header': () => ({ statusCode: 200, headers: { 'x-a': 'line\nbreak' } }),
  };
  const port = await serve(t, async (_, event) => answers[event.rawPath]?.());
  const seen = await Promise.all(
    Object.keys(answers).map(async (path) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return `${response.status} ${await response.text()}`;
    }),
  );
  const failed = '500 {"message":"Internal Server Error"}';
  assert.deepEqual(seen, ['503 {"message":"Service Unavailable"}', failed, failed, failed]);
});

test('a body beyond ten megabytes is 413, declared or not', async (t) => {
  const port = await serve(t, async () => ({ statusCode: 200 }));
  const declared = await exchange(port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10485761\r\n\r\n');
  assert.match(declared, /^HTTP\/1\.1 413 .*Request Entity Too Large/s);
  const whole = 'x'.repeat(10 * 1024 * 1024);
  const streamed = await exchange(
    port,
    `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na00001\r\n${whole}y\r\n`,
  );
  assert.match(streamed, /^HTTP\/1\.1 413 /);
  const fits = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: whole });
  assert.equal(fits.status, 200);
});

test('routes can be replaced while it serves', async (t) => {
  const gateway = createGateway({ routes: [], invoke: async (name) => ({ statusCode: 200, body: name }) });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  t.after(() => gateway.close());
  const url = `http://127.0.0.1:${(gateway.address() as { port: number }).port}/`;
  assert.equal((await fetch(url)).status, 404);
  gateway.setRoutes(everything);
  assert.equal(await (await fetch(url, { headers: { connection: 'close' } })).text(), 'echo');
});
