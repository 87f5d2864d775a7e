/** The command-line tool against a whole stage. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { commandNames } from '../../lib/cli/program.ts';
import { procedures } from '../../lib/procedures.ts';
import { readAuditLog } from '../ops/workbench.ts';
import { openStage, runInProcess, type TestStage } from './stage.ts';

let stage: TestStage;
before(async () => {
  stage = await openStage();
});
after(() => stage.stop());

/** The tool as it is installed: a process of its own. */
async function spawnTool(words: readonly string[], stdin = ''): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bin/oauth2ctl.ts'), ...words], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, OAUTH2_DATA_DIR: stage.folder },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin.end(stdin);
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

const because = ['--apply', '--reason', 'a test'];

test('as a process: a client is created with its secret as JSON and nothing else, and a user with a password from standard input', async () => {
  const words = [
    'create-client',
    '--name',
    'demo',
    '--grant-types',
    'client_credentials',
    '--scope',
    'read write',
    ...because,
    '--json',
  ];
  const made = await spawnTool(words);
  assert.equal(made.code, 0, made.stderr);
  const client = JSON.parse(made.stdout);
  assert.match(client.client_id, /^[\w-]{22}$/);
  assert.match(client.client_secret, /^[\w-]{43}$/);
  assert.deepEqual([client.client_name, client.grant_types, client.scope], ['demo', ['client_credentials'], 'read write']);
  const user = await spawnTool(
    ['create-user', '--username', 'demo', '--email', 'demo@example.com', '--password-stdin', ...because, '--json'],
    'correct horse\n',
  );
  assert.equal(user.code, 0, user.stderr);
  assert.equal(JSON.parse(user.stdout).username, 'demo');
  const wrong = await spawnTool(['create-user', '--username']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /argument missing/);
});

test('for people it prints lists, with the secret shown once and what a list shows of it', async () => {
  const made = await stage.run(['create-client', '--name', 'for people', '--grant-types', 'client_credentials', ...because]);
  assert.match(made.stdout, /^client_id {2,}[\w-]{22}$/m);
  assert.match(made.stdout, /The secret is shown this once/);
  const list = await stage.run(['list-clients']);
  assert.match(list.stdout, /^CLIENT ID +NAME +STATE/);
  assert.match(list.stdout, /for people +enabled +client_secret_basic/);
  const json = await stage.run(['list-clients', '--json']);
  assert.equal(json.json.clients.length, list.stdout.trim().split('\n').length - 1);
  assert.doesNotMatch(list.stdout + json.stdout, /client_secret"|hash/);
});

test('a list longer than a page comes whole', async () => {
  await stage.bench.migrator.sql`
    insert into users (username, password_hash) select 'crowd-' || n, 'none' from generate_series(1, 1203) n`;
  const { json } = await stage.run(['list-users', '--json']);
  const names = (json.users as { username: string }[])
    .map(({ username }) => username)
    .filter((name) => name.startsWith('crowd-'));
  assert.equal(new Set(names).size, 1203);
});

test('disabling shows its plan, acts with --apply and --reason, and can be repeated', async () => {
  const { json: client } = await stage.run(['create-client', '--json', '--grant-types', 'client_credentials', ...because]);
  const planned = await stage.run(['disable-client', client.client_id]);
  assert.equal(planned.code, 0);
  assert.match(planned.stdout, /Plan:\n {2}- disable the client/);
  assert.match(
    planned.stdout,
    new RegExp(`Nothing was changed\\. To act: oauth2ctl disable-client ${client.client_id} --apply --reason`),
  );
  const bare = await stage.run(['disable-client', client.client_id, '--apply']);
  assert.equal(bare.code, 2);
  assert.match(bare.stderr, /--apply needs --reason/);
  for (let run = 0; run < 2; run++) {
    const done = await stage.run(['disable-client', client.client_id, '--apply', '--reason', 'leaked', '--json']);
    assert.equal(done.code, 0);
    assert.match(String(done.json.disabled_at), /^20\d\d-/);
  }
  const { rows } = await readAuditLog(stage.bench.migrator);
  assert.equal(rows.at(-1)?.reason, 'leaked');
  assert.match(String(rows.at(-1)?.actor), /@/);
});

test('disable-user and migrate follow the same steps', async () => {
  await stage.run(['create-user', '--username', 'leaver', '--password-stdin', ...because], 'correct horse');
  assert.equal((await stage.run(['disable-user', 'leaver', '--json'])).json.outcome, 'planned');
  const done = await stage.run(['disable-user', 'leaver', '--apply', '--reason', 'left']);
  assert.match(done.stdout, /sessions ended +0/);
  const planned = await stage.run(['migrate']);
  assert.match(planned.stdout, /leave the schema, which is up to date/);
  const migrated = await stage.run(['migrate', '--apply', '--reason', 'release']);
  assert.match(migrated.stdout, /schema version +\d+/);
  assert.match(migrated.stdout, /Next: oauth2ctl status/);
});

test('status has an exit code of its own for a stage that is not well', async () => {
  const unwell = await stage.run(['status', '--json']);
  assert.equal(unwell.code, 4);
  assert.equal(unwell.json.healthy, false);
  const { handler } = (await import('../../functions/ops/create-signing-keys/handler.ts')) as {
    handler: (event: unknown) => Promise<unknown>;
  };
  await handler({ apply: true, actor: 'test' });
  const well = await stage.run(['status']);
  assert.equal(well.code, 0, well.stdout);
  assert.match(well.stdout, /issuer +https:\/\/issuer\.example/);
  assert.match(well.stdout, /ES256 +active/);
});

test('a refusal exits with 1, on standard error for people and as JSON for scripts', async () => {
  const people = await stage.run(['disable-client', 'nobody']);
  assert.deepEqual([people.code, people.stdout], [1, '']);
  assert.match(people.stderr, /oauth2ctl disable-client: there is no client "nobody"; list-clients shows .* \(not_found\)/);
  const script = await stage.run(['create-client', '--redirect-uri', 'http://evil.example', '--json']);
  assert.equal(script.code, 1);
  assert.deepEqual(script.json.outcome, 'failed');
  assert.equal(script.json.error.code, 'invalid_redirect_uri');
});

test('what is not understood exits with 2 and says what is', async () => {
  const wrong: [string[], RegExp][] = [
    [[], /Usage: oauth2ctl/],
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['create-client', '--colour', 'red'], /unknown option '--colour'/],
    [['create-client', '--auth-method', 'magic'], /client_secret_basic, client_secret_post, none/],
    [['create-client', '--public', '--auth-method', 'client_secret_post'], /--public means --auth-method none/],
    [['create-user', '--username', 'x'], /required option '--password-stdin'/],
    [['create-user', '--username', 'x', '--password-stdin'], /standard input is empty/],
    [['disable-client'], /missing required argument 'client_id'/],
    [['status', '--stage', '../x'], /there is no stage "\.\.\/x"/],
  ];
  for (const [words, pattern] of wrong) {
    const { code, stdout, stderr } = await stage.run(words);
    assert.equal(code, 2, words.join(' '));
    assert.match(stderr, pattern);
    assert.equal(stdout, '');
  }
});

test('without --stage it works on the one that OAUTH2_STAGE names', async () => {
  const named = await runInProcess(['status'], { OAUTH2_STAGE: '../x' });
  assert.match(named.stderr, /there is no stage "\.\.\/x"/);
  const { stderr } = await runInProcess(['status', '--stage', 'local'], { OAUTH2_STAGE: '../x', OAUTH2_DATA_DIR: '/nowhere' });
  assert.match(stderr, /nothing runs on \/nowhere/);
});

test('an instance that does not run exits with 3 and says to start it', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-none-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const look = () => runInProcess(['status'], { OAUTH2_DATA_DIR: folder });
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };
  listener.close();
  const left = { lambda_endpoint: `http://127.0.0.1:${port}`, stage: 'local' };
  for (const text of [
    undefined,
    '{',
    '{}',
    JSON.stringify({ ...left, pid: 2 ** 30 }),
    JSON.stringify({ ...left, pid: process.pid }),
  ]) {
    if (text !== undefined) writeFileSync(join(folder, 'runtime.json'), text);
    const { code, stderr } = await look();
    assert.equal(code, 3);
    assert.match(stderr, /^oauth2ctl: nothing runs on .*: run `npm start`.*\n$/);
  }
  const { json } = await runInProcess(['status', '--json'], { OAUTH2_DATA_DIR: folder });
  assert.equal(json.outcome, 'failed');
});

test('another stage is called through AWS; one that is not deployed exits with 3 and says so', async (context) => {
  process.env.AWS_ENDPOINT_URL_LAMBDA = stage.lambda;
  context.after(() => {
    delete process.env.AWS_ENDPOINT_URL_LAMBDA;
  });
  const { code, stderr } = await stage.run(['status', '--stage', 'staging']);
  assert.equal(code, 3);
  assert.match(stderr, /there is no function oauth2-staging-status: is the stage "staging" deployed in this account and region/);
});

test('a function that crashed is told in one line, without its stack', async () => {
  stage.crashNext({
    errorType: 'Sandbox.Timedout',
    errorMessage: 'Task timed out after 30.00 seconds',
    stackTrace: ['at secret place'],
  });
  const { code, stderr } = await stage.run(['list-clients']);
  assert.equal(code, 1);
  assert.match(
    stderr,
    /oauth2-local-list-clients ended without an answer: Task timed out after 30\.00 seconds; its log says more/,
  );
  assert.doesNotMatch(stderr, /secret place/);
});

test('a password goes to the function alone: not to the audit log, nor to any output', async () => {
  stage.bench.output.clear();
  const { stdout, stderr } = await stage.run(
    ['create-user', '--username', 'planted', '--password-stdin'],
    'planted-password\r\n',
  );
  const sent = stage.payloads.at(-1)?.payload.input as { password: string };
  assert.equal(sent.password, 'planted-password');
  const everywhere = stdout + stderr + stage.bench.output.text() + (await readAuditLog(stage.bench.migrator)).text;
  assert.ok(!everywhere.includes('planted-password'));
});

test('every command has help with its options and the exit codes', async () => {
  const overview = await stage.run(['--help']);
  assert.equal(overview.code, 0);
  for (const name of commandNames) {
    assert.ok(overview.stdout.includes(name));
    const { code, stdout } = await stage.run([name, '--help']);
    assert.equal(code, 0);
    assert.ok(stdout.includes(procedures[name].purpose));
    for (const part of ['--stage', '--json', 'Example:', 'Exit codes:'])
      assert.ok(stdout.includes(part), `${name} lacks ${part}`);
  }
  assert.equal((await stage.run(['--version'])).stdout, '9.9.9\n');
});
