/** A whole local instance over a small project: it starts, serves, takes in changes, survives failures and leaves nothing behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { startInstance } from '../../lib/local/instance.ts';
import type { Instance } from '../../lib/local/instance-options.ts';
import { processStart } from '../../lib/local/lock.ts';
import type { RuntimeFile } from '../../lib/local/runtime-file.ts';
import { makeFolder, writeFiles, writeProject } from './fixture.ts';

class Terminal {
  readonly lines: string[] = [];
  #waiting: (() => void)[] = [];
  readonly say = (line: string) => {
    this.lines.push(line);
    for (const look of this.#waiting.splice(0)) look();
  };
  /** Resolves when a line was said that matches. */
  async said(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line));
      if (found !== undefined) return found;
      await new Promise<void>((look) => this.#waiting.push(look));
    }
  }
}

function project(t: TestContext, files: Record<string, string> = {}): string {
  const root = makeFolder(t);
  writeProject(root);
  writeFiles(root, files);
  return root;
}

async function start(t: TestContext, root: string, change: { port?: number } = {}) {
  const terminal = new Terminal();
  const shown: string[] = [];
  const options = { root, folder: join(root, '.local'), port: 0, environment: {}, say: terminal.say, ...change };
  const instance: Instance = await startInstance({ ...options, show: (lines) => shown.push(lines) });
  t.after(() => instance.stop());
  const runtime = JSON.parse(readFileSync(join(root, '.local/runtime.json'), 'utf8')) as RuntimeFile;
  return {
    instance,
    terminal,
    shown,
    runtime,
    get: (path: string) => fetch(`${instance.issuer}${path}`, { headers: { connection: 'close' } }),
  };
}

test('the synthesised routes are served, the procedures were called, and programs find the instance', async (t) => {
  const root = project(t, {
    'functions/migrate/index.mjs':
      'export const handler = async (event) => { console.log(JSON.stringify(event)); return { outcome: "succeeded" }; };',
  });
  const { instance, get, runtime, shown } = await start(t, root);
  const response = await get('/hello');
  assert.deepEqual([response.status, await response.text()], [200, `first ${instance.issuer}`]);
  assert.equal((await get('/other')).status, 404);
  assert.equal(runtime.issuer, instance.issuer);
  assert.deepEqual([runtime.pid, runtime.stage], [process.pid, 'local']);
  assert.deepEqual(shown, ['{"input":{},"apply":true,"actor":"local"}\n']);
  assert.equal(readFileSync(join(root, '.local/logs/oauth2-local-migrate.log'), 'utf8'), shown[0]);
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new LambdaClient({ endpoint: runtime.lambda_endpoint, region: 'us-east-1', credentials });
  t.after(() => client.destroy());
  const { Payload } = await client.send(new InvokeCommand({ FunctionName: 'oauth2-local-migrate' }));
  assert.equal(new TextDecoder().decode(Payload), '{"outcome":"succeeded"}');
});

test('stopping leaves no process, no port and no runtime file', async (t) => {
  const root = project(t, {
    'functions/hello/index.mjs': 'export const handler = async () => ({ statusCode: 200, body: String(process.pid) });',
  });
  const { instance, get, runtime } = await start(t, root);
  const sandbox = Number(await (await get('/hello')).text());
  const postgres = Number.parseInt(readFileSync(join(root, '.local/postgres/data/postmaster.pid'), 'utf8'), 10);
  assert.ok(processStart(sandbox) && processStart(postgres));
  await instance.stop();
  assert.deepEqual([processStart(sandbox), processStart(postgres)], [undefined, undefined]);
  assert.equal(existsSync(join(root, '.local/runtime.json')), false);
  for (const url of [instance.issuer, runtime.lambda_endpoint, runtime.secrets_endpoint])
    await assert.rejects(fetch(url), (error: Error) => (error.cause as NodeJS.ErrnoException).code === 'ECONNREFUSED');
});

test('a changed source is taken in without a restart, and one that cannot be synthesised changes nothing', async (t) => {
  const root = project(t);
  const { terminal, get } = await start(t, root);
  assert.match(await (await get('/hello')).text(), /^first/);
  writeFiles(root, { 'functions/hello/index.mjs': 'SYNTAX ERROR' });
  assert.match(await terminal.said(/not taken in/), /functions\/hello\/index\.mjs: syntax error/);
  assert.match(await (await get('/hello')).text(), /^first/);
  writeFiles(root, { 'functions/hello/index.mjs': 'export const handler = async () => ({ statusCode: 200, body: "second" });' });
  await terminal.said(/took in the change: 1 of 3 functions are new/);
  assert.equal(await (await get('/hello')).text(), 'second');
});

test('a second start on the same folder is refused with one line that names the running one', async (t) => {
  const root = project(t);
  const { instance } = await start(t, root);
  await assert.rejects(start(t, root), (error: Error) => {
    assert.ok(error.message.includes(`process ${process.pid} `) && error.message.includes(instance.issuer), error.message);
    return error.message.includes('OAUTH2_DATA_DIR') && !error.message.includes('\n');
  });
  assert.equal((await fetch(`${instance.issuer}/hello`)).status, 200);
});

test('a taken port is refused with one line before anything was started', async (t) => {
  const root = project(t);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  await assert.rejects(
    start(t, root, { port }),
    (error: Error) =>
      error.message.startsWith(`port ${port} of 127.0.0.1 is taken`) &&
      error.message.includes('PORT=') &&
      !error.message.includes('\n'),
  );
  assert.equal(existsSync(join(root, '.local/postgres')), false);
});

test('a procedure that fails stops the start with its own words', async (t) => {
  const root = project(t, {
    'functions/migrate/index.mjs':
      'export const handler = async () => ({ outcome: "failed", error: { code: "migration_failed", message: "V0002 does not apply" } });',
  });
  await assert.rejects(
    start(t, root),
    /oauth2-local-migrate failed: V0002 does not apply \(its log: .*oauth2-local-migrate\.log\)/,
  );
  assert.equal(existsSync(join(root, '.local/postgres/data/postmaster.pid')), false);
});

test('an app that cannot be synthesised stops the start with its own words', async (t) => {
  const root = project(t, { 'functions/hello/index.mjs': 'SYNTAX ERROR' });
  await assert.rejects(start(t, root), /could not be synthesised:\nfunctions\/hello\/index\.mjs: syntax error/);
});

test('a start without a change does not synthesise again', async (t) => {
  const root = project(t);
  const first = await start(t, root);
  await first.instance.stop();
  const mark = readFileSync(join(root, '.local/cdk.out/fingerprint.txt'), 'utf8');
  writeFiles(root, { '.local/cdk.out/untouched': 'yes' });
  const port = Number(new URL(first.instance.issuer).port);
  const second = await start(t, root, { port });
  assert.equal((await second.get('/hello')).status, 200);
  assert.equal(readFileSync(join(root, '.local/cdk.out/fingerprint.txt'), 'utf8'), mark);
  assert.ok(existsSync(join(root, '.local/cdk.out/untouched')));
});

test('a Postgres that ends by itself is started again at its port', async (t) => {
  const root = project(t);
  const { terminal, instance, runtime } = await start(t, root);
  const file = join(root, '.local/postgres/data/postmaster.pid');
  const before = Number.parseInt(readFileSync(file, 'utf8'), 10);
  process.kill(before, 'SIGKILL');
  await terminal.said(/Postgres is back/);
  const [after, , , port] = readFileSync(file, 'utf8').split('\n');
  assert.notEqual(Number(after), before);
  assert.equal(Number(port), runtime.database.port);
  assert.equal((await fetch(`${instance.issuer}/hello`)).status, 200);
});
