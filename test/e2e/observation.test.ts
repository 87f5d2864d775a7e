/** A real local runtime is looked at and broken: the tool finds what happened in its logs and names each cause. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { after, before, test } from 'node:test';
import { GetFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DeleteSecretCommand,
  ListSecretsCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import postgres from 'postgres';
import { type RuntimeFile, readRuntimeFile } from '../../lib/local/runtime-file.ts';
import { type Deployment, openDeployment } from '../support/deployment.ts';

const tool = join(import.meta.dirname, '../../bin/oauth2ctl.ts');
const own = !env.OAUTH2_BASE_URL;

let deployment: Deployment;
let folder: string;
let runtime: RuntimeFile;
let superuser: postgres.Sql;
before(async () => {
  if (!own) return;
  deployment = await openDeployment();
  folder = deployment.runtime?.folder ?? '';
  runtime = readRuntimeFile(folder) as RuntimeFile;
  const { host, port } = runtime.database;
  superuser = postgres(`postgres://postgres@${host}:${port}/oauth2`, { max: 2, onnotice: () => {} });
});
after(async () => {
  await superuser?.end();
  await deployment?.stop();
});

/** Runs the tool as its user does. */
function run(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const child = execFile(execPath, [tool, ...words], { env: { ...env, OAUTH2_DATA_DIR: folder } }, (_, stdout, stderr) =>
      done({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

async function causes(): Promise<string> {
  const { stdout, stderr } = await run('doctor', '--json');
  assert.ok(stdout !== '', stderr);
  return JSON.parse(stdout)
    .causes.map(({ cause, seen, mend }: Record<string, string>) => `${cause} | ${seen} | ${mend}`)
    .join('\n');
}

test('a runtime of its own: requests, refusals and slow statements are in its logs, and nothing is wrong with it', {
  skip: false,
}, async () => {
  if (!own) return;
  const { issuer } = deployment;
  assert.equal(await causes(), '');
  const token = () =>
    deployment.fetch(`${issuer}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('nobody:wrong')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
  assert.equal((await token()).status, 401);
  // A statement that has to wait for a lock takes long, for the function and for Postgres.
  await superuser.begin(async (sql) => {
    await sql`lock table clients in access exclusive mode`;
    const waiting = token();
    await sql`select pg_sleep(0.8)`;
    void waiting;
  });
  for (let tries = 0; tries < 50; tries++) {
    const { stdout } = await run('logs', 'slow-queries', '--since', '1h');
    if (/ token .*slow query question=/.test(stdout) && / database .*duration: [\d.]+ ms/.test(stdout)) break;
    assert.ok(tries < 49, stdout);
  }
  assert.match((await run('logs', 'auth-failures')).stdout, / token +warn +401 +request .*error=invalid_client/);
  assert.match((await run('logs', '--function', 'access')).stdout, / access +– +401 .*address=127\.0\.0\.1/);
  const report = JSON.parse((await run('access-report', '--json')).stdout);
  assert.ok(
    report.by_route.some(({ route, statuses }: { route: string; statuses: object }) => route === 'token' && '401' in statuses),
  );
  const { details } = JSON.parse((await run('status', '--detailed', '--json')).stdout);
  const shown = new Map(details.map(({ what, value, note }: Record<string, string>) => [what, [value, note]]));
  assert.equal((shown.get('ready') as string[])[0], 'well');
  assert.match((shown.get('database connections') as string[])[0] ?? '', /^\d+ of 200$/);
  assert.deepEqual(shown.get('alarms'), [null, 'nothing watches a local instance']);
});

test('the secret deleted, and restored', async () => {
  if (!own) return;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new SecretsManagerClient({ endpoint: runtime.secrets_endpoint, region: 'us-east-1', credentials });
  const { SecretList = [] } = await client.send(new ListSecretsCommand({}));
  const SecretId = SecretList.find(({ Name = '' }) => /sign|key/i.test(Name))?.ARN ?? '';
  await client.send(new DeleteSecretCommand({ SecretId }));
  assert.match(
    await causes(),
    /the secret with the signing keys was deleted \| .*aws secretsmanager restore-secret --secret-id arn:/,
  );
  await client.send(new RestoreSecretCommand({ SecretId }));
  assert.equal(await causes(), '');
  client.destroy();
});

test('a migration that failed, and mended', async () => {
  if (!own) return;
  await superuser`update flyway_schema_history set success = false where installed_rank = (select max(installed_rank) from flyway_schema_history)`;
  assert.match(
    await causes(),
    /migrations and database contradict each other \| \S+ failed before: .* oauth2ctl migration-status/,
  );
  await superuser`update flyway_schema_history set success = true`;
  assert.equal(await causes(), '');
});

/** Every process of the embedded Postgres; where the system does not tell, its first one. */
function databaseProcesses(): number[] {
  const first = Number.parseInt(readFileSync(join(folder, 'postgres/data/postmaster.pid'), 'utf8'), 10);
  if (!existsSync('/proc/self/status')) return [first];
  const children = readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/status`, 'utf8').includes(`\nPPid:\t${first}\n`);
    } catch {
      return false; // It ended meanwhile.
    }
  });
  return [first, ...children.map(Number)];
}

test('the database stopped, and going on', async () => {
  if (!own) return;
  const pids = databaseProcesses();
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    assert.match(await causes(), /^the database cannot be reached \|[^\n]*$/);
  } finally {
    for (const pid of pids) process.kill(pid, 'SIGCONT');
  }
  for (let tries = 0; (await causes()) !== ''; tries++) assert.ok(tries < 20);
});

test('a function whose bundle does not start, and mended', async () => {
  if (!own) return;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const lambda = new LambdaClient({ endpoint: runtime.lambda_endpoint, region: 'us-east-1', credentials });
  const { Code } = await lambda.send(new GetFunctionCommand({ FunctionName: 'oauth2-local-list-users' }));
  lambda.destroy();
  const bundle = join(Code?.Location ?? '', 'index.mjs');
  const text = readFileSync(bundle, 'utf8');
  writeFileSync(bundle, 'throw new TypeError("a release that was never tried");\n');
  assert.equal((await run('list-users')).code, 1);
  assert.match(await causes(), /^the function list-users does not start \| TypeError: a release that was never tried \(1 times/);
  assert.match((await run('logs', '--crashed')).stdout, /list-users +error .*TypeError: a release that was never tried/);
  writeFileSync(bundle, text);
  assert.equal((await run('list-users')).code, 0);
  assert.equal(await causes(), '');
});

test('an endpoint whose bundle does not start fails, though it counts nothing: metrics and diagnosis say so', async () => {
  if (!own) return;
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const lambda = new LambdaClient({ endpoint: runtime.lambda_endpoint, region: 'us-east-1', credentials });
  const { Code } = await lambda.send(new GetFunctionCommand({ FunctionName: 'oauth2-local-revoke' }));
  lambda.destroy();
  const bundle = join(Code?.Location ?? '', 'index.mjs');
  const text = readFileSync(bundle, 'utf8');
  const revoke = async () => (await deployment.fetch(`${deployment.issuer}/oauth/revoke`, { method: 'POST' })).status;
  writeFileSync(bundle, 'throw new TypeError("a release that was never tried");\n');
  const statuses = await Promise.all(Array.from({ length: 60 }, revoke));
  writeFileSync(bundle, text);
  const failed = statuses.filter((status) => status >= 500).length;
  assert.ok(failed > 0, statuses.join());
  const metrics = await run('metrics', '--since', '5m', '--json');
  const rate = JSON.parse(metrics.stdout).queries[1];
  assert.ok(rate.over && rate.value > 5, metrics.stdout);
  const { symptoms } = JSON.parse((await run('diagnose', '--since', '5m', '--json')).stdout);
  const [symptom] = symptoms.filter((one: { symptom: string }) => one.symptom === 'requests fail');
  assert.match(symptom?.seen, new RegExp(`^5xx: ${failed} of `));
});

for (const [what, end] of [
  ['Ctrl-C', (child: ChildProcess) => child.kill('SIGINT')],
  ['a reader that closes', (child: ChildProcess) => child.stdout?.destroy()],
] as const)
  test(`what is followed ends with ${what}, without a word`, async () => {
    if (!own) return;
    const environment = { ...env, OAUTH2_DATA_DIR: folder };
    const child = spawn(execPath, [tool, 'logs', '--follow', '--function', 'access', '--tail', '1'], { env: environment });
    let complaints = '';
    child.stderr.on('data', (chunk) => {
      complaints += chunk;
    });
    const closed = once(child, 'exit');
    await once(child.stdout, 'data');
    end(child);
    // Something to say, for the one who has nobody left to say it to.
    const asking = setInterval(() => void deployment.fetch(`${deployment.issuer}/health`).catch(() => {}), 100);
    await closed;
    clearInterval(asking);
    assert.equal(complaints, '');
  });
