/** Sandboxes: processes over the Lambda Runtime API, one invocation at a time, within declared time and memory. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { createServer } from 'node:http';
import { env } from 'node:process';
import { type TestContext, test } from 'node:test';
import { createFunctions, type Functions } from '../../lib/local/functions.ts';
import { processStart } from '../../lib/local/lock.ts';
import type { FunctionSpec, Outcome } from '../../lib/local/sandbox.ts';
import type { PoolOptions } from '../../lib/local/sandbox-pool.ts';
import { makeFolder, makeFunction } from './fixture.ts';

interface Run {
  readonly functions: Functions;
  readonly lines: string[];
  readonly notices: string[];
}

function run(t: TestContext, specs: readonly FunctionSpec[], change: Partial<PoolOptions> = {}): Run {
  const lines: string[] = [];
  const notices: string[] = [];
  const functions = createFunctions({
    specs,
    environment: { AWS_REGION: 'eu-test-1', AWS_ENDPOINT_URL_LAMBDA: 'http://127.0.0.1:9' },
    output: (_, text) => lines.push(text),
    notice: (line) => notices.push(line),
    ...change,
  });
  t.after(() => functions.stop());
  return { functions, lines, notices };
}

function valueOfAnswer(outcome: Outcome): unknown {
  assert.equal(outcome.verdict, 'answered', outcome.payload);
  return JSON.parse(outcome.payload);
}

/** Holds handlers at a gate: they report there and wait until they are let on, so that no test needs to sleep. */
async function openGate(t: TestContext) {
  const waiting: (() => void)[] = [];
  const server = createServer((_, response) => {
    waiting.push(() => response.end());
    server.emit('arrival');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    waiting,
    async arrived(count: number) {
      while (waiting.length < count) await once(server, 'arrival');
    },
    open() {
      for (const pass of waiting.splice(0)) pass();
    },
  };
}

test('a function sees what Lambda sets, its own variables, and nothing of ours', async (t) => {
  env.OAUTH2_PLANTED = 'leak';
  t.after(() => delete env.OAUTH2_PLANTED);
  const source = 'export const handler = async () => ({ env: process.env, cwd: process.cwd() });';
  const spec = makeFunction(makeFolder(t), 'looks', source, { environment: { OWN: 'own' }, memory_mb: 320 });
  const { functions } = run(t, [spec]);
  const seen = valueOfAnswer(await functions.invoke('looks', '{}')) as { env: Record<string, string>; cwd: string };
  assert.equal(realpathSync(seen.cwd), realpathSync(spec.folder));
  const { PATH, AWS_LAMBDA_RUNTIME_API, AWS_LAMBDA_LOG_STREAM_NAME, ...rest } = seen.env;
  assert.match(AWS_LAMBDA_RUNTIME_API ?? '', /^127\.0\.0\.1:\d+$/);
  assert.ok(PATH && AWS_LAMBDA_LOG_STREAM_NAME);
  assert.deepEqual(rest, {
    OWN: 'own',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_SESSION_TOKEN: 'local',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_DEFAULT_REGION: 'eu-test-1',
    AWS_REGION: 'eu-test-1',
    AWS_ENDPOINT_URL_LAMBDA: 'http://127.0.0.1:9',
    AWS_LAMBDA_FUNCTION_NAME: 'looks',
    AWS_LAMBDA_FUNCTION_VERSION: '1',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '320',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/looks',
    LAMBDA_TASK_ROOT: spec.folder,
    LAMBDA_RUNTIME_DIR: '/var/runtime',
    _HANDLER: 'index.handler',
    _X_AMZN_TRACE_ID: rest._X_AMZN_TRACE_ID,
  });
});

test('a handler gets its event and a context with id, ARN and time left', async (t) => {
  const source = `export const handler = async (event, context) =>
    ({ event, id: context.awsRequestId, arn: context.invokedFunctionArn, left: context.getRemainingTimeInMillis() });`;
  const spec = makeFunction(makeFolder(t), 'reads', source, { timeout_seconds: 7 });
  const { functions } = run(t, [spec]);
  const { event, id, arn, left } = valueOfAnswer(await functions.invoke(`${spec.arn}:live`, '{"a":"ü"}')) as Record<
    string,
    unknown
  >;
  assert.deepEqual(event, { a: 'ü' });
  assert.match(String(id), /^[0-9a-f-]{36}$/);
  assert.equal(arn, spec.arn);
  assert.ok(Number(left) > 0 && Number(left) <= 7000);
});

test('one sandbox serves one invocation after another and keeps its state', async (t) => {
  const spec = makeFunction(makeFolder(t), 'counts', 'let n = 0; export const handler = async () => ++n;');
  const { functions } = run(t, [spec]);
  assert.deepEqual([await functions.invoke('counts', '{}'), await functions.invoke('counts', '{}')].map(valueOfAnswer), [1, 2]);
  assert.equal(functions.pids().length, 1);
});

test('invocations at the same time run in different sandboxes up to the limit, the others wait', async (t) => {
  const gate = await openGate(t);
  const source = `export const handler = async () => { await fetch(${JSON.stringify(gate.url)}); return process.pid; };`;
  const { functions } = run(t, [makeFunction(makeFolder(t), 'waits', source)], { limit: 2 });
  const outcomes = Promise.all([1, 2, 3].map(() => functions.invoke('waits', '{}')));
  await gate.arrived(2);
  assert.equal(functions.pids().length, 2);
  gate.open();
  await gate.arrived(1);
  gate.open();
  assert.equal(new Set((await outcomes).map(valueOfAnswer)).size, 2);
});

test('an invocation that waits too long for a sandbox is throttled', async (t) => {
  const gate = await openGate(t);
  const source = `export const handler = async ({ held }) => { if (held) await fetch(${JSON.stringify(gate.url)}); };`;
  const { functions } = run(t, [makeFunction(makeFolder(t), 'full', source)], { limit: 1, wait_ms: 1000 });
  while ((await functions.invoke('full', '{}')).verdict === 'throttled'); // Its sandbox may start more slowly than that.
  const first = functions.invoke('full', '{"held":true}');
  await gate.arrived(1);
  assert.equal((await functions.invoke('full', '{}')).verdict, 'throttled');
  gate.open();
  assert.equal((await first).verdict, 'answered');
});

test('what a handler throws is described as Lambda describes it, and the sandbox goes on', async (t) => {
  const source = `export const handler = async (event) => { if (event.bad) throw new RangeError('too far'); return 'fine'; };`;
  const { functions, lines } = run(t, [makeFunction(makeFolder(t), 'throws', source)]);
  const outcome = await functions.invoke('throws', '{"bad":true}');
  assert.equal(outcome.verdict, 'failed');
  const { errorType, errorMessage, trace } = JSON.parse(outcome.payload);
  assert.deepEqual([errorType, errorMessage, Array.isArray(trace)], ['RangeError', 'too far', true]);
  assert.equal(valueOfAnswer(await functions.invoke('throws', '{}')), 'fine');
  assert.match(lines.join(''), /RangeError: too far/);
});

test('a function that takes longer than declared is stopped, and the next invocation gets a new sandbox', async (t) => {
  const source = 'export const handler = async (event) => { while (event.hang); return process.pid; };';
  const { functions, notices } = run(t, [makeFunction(makeFolder(t), 'hangs', source, { timeout_seconds: 2 })]);
  const before = valueOfAnswer(await functions.invoke('hangs', '{}')) as number;
  const outcome = await functions.invoke('hangs', '{"hang":true}');
  assert.equal(outcome.verdict, 'timed-out');
  assert.match(JSON.parse(outcome.payload).errorMessage, /Task timed out after 2\.00 seconds$/);
  assert.notEqual(valueOfAnswer(await functions.invoke('hangs', '{}')), before);
  assert.equal(processStart(before), undefined);
  assert.match(notices.join(), /hangs: its sandbox was stopped: its task timed out/);
});

test('a function that uses more memory than declared is stopped', async (t) => {
  const source = `const kept = []; export const handler = async () => {
    for (;;) { kept.push(Buffer.alloc(16 * 1024 * 1024, 1)); await new Promise(setImmediate); } };`;
  const { functions, notices } = run(t, [makeFunction(makeFolder(t), 'eats', source, { memory_mb: 128 })]);
  const outcome = await functions.invoke('eats', '{}');
  assert.equal(outcome.verdict, 'failed');
  assert.match(outcome.payload, /Runtime\.ExitError/);
  assert.match(notices.join(), /MB of the declared 128 MB/);
});

test('a crash fails its invocation only and is told', async (t) => {
  const source = 'export const handler = async (event) => { if (event.die) process.exit(3); return 1; };';
  const { functions, notices } = run(t, [makeFunction(makeFolder(t), 'dies', source)]);
  const outcome = await functions.invoke('dies', '{"die":true}');
  assert.match(outcome.payload, /Runtime exited with error: exit status 3/);
  assert.equal(valueOfAnswer(await functions.invoke('dies', '{}')), 1);
  assert.deepEqual(notices, ['dies: its sandbox ended (exit status 3)']);
});

test('a bundle that cannot be loaded fails each invocation with its reason', async (t) => {
  const { functions } = run(t, [makeFunction(makeFolder(t), 'broken', 'throw new Error("no configuration");')]);
  const outcomes = await Promise.all([functions.invoke('broken', '{}'), functions.invoke('broken', '{}')]);
  for (const { verdict, payload } of outcomes) {
    assert.equal(verdict, 'failed');
    assert.equal(JSON.parse(payload).errorMessage, 'no configuration');
  }
});

test('an answer beyond six megabytes is refused', async (t) => {
  const source = 'export const handler = async () => "x".repeat(7 * 1024 * 1024);';
  const { functions } = run(t, [makeFunction(makeFolder(t), 'large', source)]);
  assert.match((await functions.invoke('large', '{}')).payload, /ResponseSizeTooLarge/);
});

test('a sandbox without work is stopped after a while', async (t) => {
  const spec = makeFunction(makeFolder(t), 'idles', 'export const handler = async () => process.pid;');
  const { functions } = run(t, [spec], { idle_ms: 1 });
  const first = valueOfAnswer(await functions.invoke('idles', '{}'));
  // Draining ends when the last sandbox is gone.
  await functions.stop(10_000);
  assert.equal(processStart(first as number), undefined);
});

test('a replaced function finishes what it does on the old bundle', async (t) => {
  const gate = await openGate(t);
  const folder = makeFolder(t);
  const old = makeFunction(
    folder,
    'old',
    `export const handler = async () => { await fetch(${JSON.stringify(gate.url)}); return 'old'; };`,
  );
  const kept = makeFunction(folder, 'kept', 'export const handler = async () => process.pid;');
  const fresh = { ...makeFunction(folder, 'fresh', 'export const handler = async () => "fresh";'), name: 'old' };
  const { functions } = run(t, [old, kept]);
  const pid = valueOfAnswer(await functions.invoke('kept', '{}'));
  const underWay = functions.invoke('old', '{}');
  await gate.arrived(1);
  assert.deepEqual(functions.replace([fresh, kept]), ['old']);
  assert.equal(valueOfAnswer(await functions.invoke('old', '{}')), 'fresh');
  gate.open();
  assert.equal(valueOfAnswer(await underWay), 'old');
  assert.equal(valueOfAnswer(await functions.invoke('kept', '{}')), pid);
});

test('lines of several sandboxes never mix', async (t) => {
  const source = `export const handler = async ({ n }) => {
    for (let i = 0; i < 200; i++) { process.stdout.write(String(n).repeat(50)); process.stdout.write(String(n).repeat(50) + '\\n'); } };`;
  const { functions, lines } = run(t, [makeFunction(makeFolder(t), 'writes', source)], { limit: 3 });
  await Promise.all([1, 2, 3].map((n) => functions.invoke('writes', JSON.stringify({ n }))));
  await functions.stop();
  const all = lines.join('').trimEnd().split('\n');
  assert.equal(all.length, 600);
  assert.ok(all.every((line) => /^(1{100}|2{100}|3{100})$/.test(line)));
});
