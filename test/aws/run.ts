/** `npm run test:aws`: deploys the stage `emulator` with the real CDK to an AWS emulator on this machine, and tests what then runs. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, execPath, exit, stderr, stdout } from 'node:process';
import { parseArgs, promisify } from 'node:util';
import { startDatabase } from '../../lib/local/database.ts';
import { account, region, startEmulator } from './emulator.ts';
import { endPrograms, mustRun, run, Unable } from './programs.ts';
import { checkMachine, prepareEmulator } from './python.ts';

const root = join(import.meta.dirname, '../..');
const programs = join(root, 'node_modules/.bin');

const usage = `npm run test:aws -- [--folder <cache>] [--keep] [<test file> …]
  Without test files, all of them are run.
  --folder  where the emulator's virtual environment is kept (default: oauth2-serverless in the user's cache)
  --keep    leave logs and assembly for a look
`;

/** What is under test, in the order of what it changes. */
const suites = [
  'test/e2e/deployment.test.ts',
  'test/aws/stage.test.ts',
  'test/aws/alarms.test.ts',
  'test/aws/releases.test.ts',
  'test/aws/destroy.test.ts',
];

const began = performance.now();
const say = (line: string) => stdout.write(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);

/** The settings and the AWS identity of whoever runs the tests are not those of the deployment under test. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const theirs = Object.entries(env).filter(([name]) => !/^(AWS_|OAUTH2_(?!RECORD_DRILLS)|CDK_|NODE_)/.test(name));
  return { ...Object.fromEntries(theirs), PATH: `${programs}:${env.PATH ?? ''}` };
}

const ends: (() => Promise<unknown> | unknown)[] = [];

let ending: Promise<void> | undefined;

/** Ends everything, once, however often it is asked. */
function endAll(): Promise<void> {
  ending ??= (async () => {
    endPrograms();
    for (const end of ends.toReversed()) await end();
  })();
  return ending;
}

/** Functions of this stage are no images that have pg_dump. */
async function findPostgresPrograms(): Promise<string> {
  const { stdout } = await promisify(execFile)(join(root, '.ci/postgres-client.sh')).catch((error: { stderr?: string }) => {
    throw new Unable(error.stderr?.trim() || 'the PostgreSQL client programs could not be installed');
  });
  return stdout.trim();
}

async function deploy(folder: string, cache: string): Promise<NodeJS.ProcessEnv> {
  const python = await prepareEmulator(cache, join(folder, 'pip.log'));
  say('the emulator is installed');
  const postgresPrograms = env.OAUTH2_POSTGRES_PROGRAMS || (await findPostgresPrograms());
  const database = await startDatabase({ folder: join(folder, 'postgres'), fast: true });
  ends.push(() => database.stop());
  const emulator = await startEmulator(python, folder, programs);
  ends.push(() => emulator.stop());
  say(`Postgres on port ${database.port}, AWS at ${emulator.endpoint}`);

  const environment = {
    ...cleanEnvironment(),
    ...emulator.environment,
    OAUTH2_STAGE: 'emulator',
    OAUTH2_RELEASE: 'first',
    OAUTH2_DATABASE_HOST: database.host,
    OAUTH2_DATABASE_PORT: String(database.port),
    OAUTH2_POSTGRES_PROGRAMS: postgresPrograms,
    // Its check of the templates takes ten seconds; `npm run test:infra` has it on.
    CDK_VALIDATION: 'false',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
    CDK_DISABLE_LEGACY_EXPORT_WARNING: '1',
  };
  const assembly = join(folder, 'cdk.out');
  const outputs = join(folder, 'outputs.json');
  const cdk = (log: string, ...args: string[]) =>
    mustRun({
      command: join(programs, 'cdk'),
      args: [...args, '--no-notices'],
      environment,
      log: join(folder, log),
      seconds: 300,
      cwd: root,
    });
  await cdk('synth.log', 'synth', '--quiet', '--output', assembly);
  say('cdk synth');
  await cdk('bootstrap.log', 'bootstrap', '--app', assembly, `aws://${account}/${region}`);
  say('cdk bootstrap');
  await cdk('deploy.log', 'deploy', '--all', '--require-approval', 'never', '--app', assembly, '--outputs-file', outputs);
  say('cdk deploy --all');

  const { issuer = '' } = (JSON.parse(readFileSync(outputs, 'utf8')) as Record<string, Record<string, string>>)[
    'oauth2-emulator-network'
  ] as Record<string, string>;
  const api = new URL(issuer).hostname.split('.')[0];
  return {
    ...environment,
    // Names below `localhost` are not resolved everywhere; the emulator knows its APIs by a path as well.
    OAUTH2_BASE_URL: `${emulator.endpoint}/_aws/execute-api/${api}/$default`,
    OAUTH2_DATABASE_URL: database.url(),
    OAUTH2_TEST_FOLDER: folder,
  };
}

async function test(chosen: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  let failed = 0;
  for (const suite of chosen) {
    say(suite);
    const args = ['--test', '--test-timeout=240000', suite];
    const code = await run({ command: execPath, args, environment, seconds: 420, cwd: root });
    if (code !== 0) failed = 1;
  }
  return failed;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { folder: { type: 'string' }, keep: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  if (values.help) {
    stdout.write(usage);
    return 0;
  }
  checkMachine();
  const cache = values.folder ?? join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'oauth2-serverless');
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-aws-'));
  if (values.keep) ends.push(() => say(`logs and assembly are in ${folder}`));
  else ends.push(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(folder, 'pip.log'), '');
  const code = await test(positionals.length > 0 ? positionals : suites, await deploy(folder, cache));
  say(code === 0 ? 'all is well' : 'failed');
  return code;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void endAll().finally(() => exit(1)));

let code = 1;
try {
  code = await main();
} catch (error) {
  // Whoever stopped us knows why it ended.
  if (!ending)
    stderr.write(`test:aws: ${error instanceof Unable ? error.message : error instanceof Error ? error.stack : error}\n`);
} finally {
  await endAll();
}
exit(code);
