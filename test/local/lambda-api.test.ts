/** The Lambda Invoke API of this machine, asked by the real SDK. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { GetFunctionConfigurationCommand, InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { createFunctions } from '../../lib/local/functions.ts';
import { openLambdaApi } from '../../lib/local/lambda-api.ts';
import { makeFolder, makeFunction } from './fixture.ts';

async function open(t: TestContext, source: string, timeout_seconds = 20) {
  const specs = [makeFunction(makeFolder(t), 'oauth2-local-task', source, { timeout_seconds })];
  const functions = createFunctions({ specs, environment: {}, output: () => {}, notice: () => {} });
  t.after(() => functions.stop());
  const api = await openLambdaApi(functions);
  t.after(() => api.close());
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new LambdaClient({ endpoint: api.url, region: 'us-east-1', credentials, maxAttempts: 1 });
  t.after(() => client.destroy());
  return { client, functions, url: api.url };
}

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes: Uint8Array | undefined) => JSON.parse(new TextDecoder().decode(bytes));
const FunctionName = 'oauth2-local-task';

test('an invocation returns the answer and the end of the log', async (t) => {
  const { client } = await open(
    t,
    'export const handler = async (event) => { console.log("seen", event.n); return { n: event.n + 1 }; };',
  );
  const { StatusCode, Payload, FunctionError, LogResult } = await client.send(
    new InvokeCommand({ FunctionName, Payload: encode({ n: 1 }), LogType: 'Tail' }),
  );
  assert.deepEqual([StatusCode, decode(Payload), FunctionError], [200, { n: 2 }, undefined]);
  assert.equal(Buffer.from(LogResult ?? '', 'base64').toString(), 'seen 1\n');
});

test('a function is found by name, alias and ARN', async (t) => {
  const { client } = await open(t, 'export const handler = async () => "here";');
  const names = [FunctionName, `${FunctionName}:live`, `arn:aws:lambda:us-east-1:000000000000:function:${FunctionName}:live`];
  for (const name of names) assert.equal(decode((await client.send(new InvokeCommand({ FunctionName: name }))).Payload), 'here');
});

test('an error of the handler is a function error with its description', async (t) => {
  const { client } = await open(t, 'export const handler = async () => { throw new TypeError("wrong"); };');
  const { FunctionError, Payload } = await client.send(new InvokeCommand({ FunctionName }));
  assert.equal(FunctionError, 'Unhandled');
  assert.deepEqual([decode(Payload).errorType, decode(Payload).errorMessage], ['TypeError', 'wrong']);
});

test('a function out of time is a function error that says so', async (t) => {
  const { client } = await open(t, 'export const handler = () => new Promise(() => setInterval(() => {}, 1000));', 1);
  const { FunctionError, Payload } = await client.send(new InvokeCommand({ FunctionName }));
  assert.equal(FunctionError, 'Unhandled');
  assert.match(decode(Payload).errorMessage, /Task timed out after 1\.00 seconds/);
});

test('an event is accepted at once and carried out', async (t) => {
  const server = createServer((_, response) => response.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const { client } = await open(t, `export const handler = async () => { await fetch(${JSON.stringify(url)}); };`);
  const carriedOut = once(server, 'request');
  const { StatusCode } = await client.send(new InvokeCommand({ FunctionName, InvocationType: 'Event' }));
  assert.equal(StatusCode, 202);
  await carriedOut;
});

test('a dry run carries out nothing', async (t) => {
  const { client, functions } = await open(t, 'export const handler = async () => 1;');
  const { StatusCode } = await client.send(new InvokeCommand({ FunctionName, InvocationType: 'DryRun' }));
  assert.deepEqual([StatusCode, functions.pids()], [204, []]);
});

test('the functions and their configuration can be looked up', async (t) => {
  const { client } = await open(t, 'export const handler = async () => 1;');
  const { Functions } = await client.send(new ListFunctionsCommand({}));
  assert.deepEqual(
    Functions?.map((one) => one.FunctionName),
    [FunctionName],
  );
  const { Timeout, MemorySize } = await client.send(new GetFunctionConfigurationCommand({ FunctionName }));
  assert.deepEqual([Timeout, MemorySize], [20, 256]);
});

test('a function that does not exist and a payload that is no JSON have the names that AWS gives them', async (t) => {
  const { client } = await open(t, 'export const handler = async () => 1;');
  await assert.rejects(client.send(new InvokeCommand({ FunctionName: 'none' })), { name: 'ResourceNotFoundException' });
  const broken = new InvokeCommand({ FunctionName, Payload: new TextEncoder().encode('{') });
  await assert.rejects(client.send(broken), { name: 'InvalidRequestContentException' });
});

test('a call that a web page could make is refused', async (t) => {
  const { url } = await open(t, 'export const handler = async () => 1;');
  const response = await fetch(`${url}/2015-03-31/functions/${FunctionName}/invocations`, { method: 'POST', body: '{}' });
  assert.equal(response.status, 403);
});
