/** The deployed stage as its tests reach it: through AWS's APIs, the command-line tool and, for what was written, the database. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { GetAliasCommand, LambdaClient } from '@aws-sdk/client-lambda';
import postgres from 'postgres';
import { functionName, type Procedure, procedureNames, procedures } from '../../lib/procedures.ts';
import { routeNames, routes } from '../../lib/routes.ts';

export const root = join(import.meta.dirname, '../..');

function given(name: string): string {
  const value = env[name];
  if (value === undefined) throw new Error(`${name} is not set: these tests are run by \`npm run test:aws\``);
  return value;
}

export const stage = given('OAUTH2_STAGE');
export const base = given('OAUTH2_BASE_URL');
/** For logs and assemblies. */
export const folder = given('OAUTH2_TEST_FOLDER');

/** Every function of the tables, with its needs. */
export const functions: ReadonlyMap<string, readonly string[]> = new Map([
  ...routeNames.map((name) => [name, routes[name].needs] as const),
  ...procedureNames
    .filter((name) => (procedures[name] as Procedure & { runs?: string }).runs !== 'tool')
    .map((name) => [name, procedures[name].needs as readonly string[]] as const),
]);

export const lambda = new LambdaClient({});

/** The database as its administrator, to look at what the functions wrote. */
export function openDatabase(): postgres.Sql {
  return postgres(given('OAUTH2_DATABASE_URL'), { max: 1, onnotice: () => {} });
}

export interface ToolRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the tests assert
  readonly json: any;
}

/** Runs `oauth2ctl` as an operator does. */
export const operate = (words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<ToolRun> =>
  runWords([...words, '--json'], environment);

/** The same with what it prints for people. */
export const tell = (words: readonly string[]): Promise<ToolRun> => runWords([...words, '--stage', stage]);

async function runWords(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<ToolRun> {
  const args = [join(root, 'bin/oauth2ctl.ts'), ...words];
  const options = { cwd: root, env: { ...env, OAUTH2_STAGE: undefined, ...environment }, timeout: 90_000 };
  const ran = await promisify(execFile)(execPath, args, options).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code?: number; stdout?: string; stderr?: string }) => ({
      code: Number(error.code ?? -1),
      stdout: error.stdout ?? '',
      stderr: error.stderr ?? '',
    }),
  );
  return {
    ...ran,
    get json() {
      return JSON.parse(ran.stdout) as unknown;
    },
  };
}

/** Version behind the `live` alias of each function. */
export async function readLiveVersions(): Promise<Map<string, string>> {
  const found = [...functions.keys()].map(async (name) => {
    const { FunctionVersion = '' } = await lambda.send(
      new GetAliasCommand({ FunctionName: functionName(stage, name), Name: 'live' }),
    );
    return [name, FunctionVersion] as const;
  });
  return new Map(await Promise.all(found));
}

/** Asks the deployed server. */
export async function ask(path: string): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(base + path);
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

/** Asks until there is an answer. @throws {Error} after that many seconds */
export async function comes<T>(look: () => Promise<T | undefined>, seconds: number, what: string): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await pause(250)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`${what} did not come within ${seconds} s`);
}
