/** A stage for tests of the command-line tool: the real handlers behind the real Lambda and Secrets Manager APIs, in this process. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { runTool } from '../../lib/cli/program.ts';
import type { Patience } from '../../lib/cli/run-tool-procedure.ts';
import type { Functions } from '../../lib/local/functions.ts';
import { openLambdaApi } from '../../lib/local/lambda-api.ts';
import { openLogsApi } from '../../lib/local/logs-api.ts';
import { administratorSecret, openAdministrator } from '../../lib/local/open-administrator.ts';
import { openPointInTime } from '../../lib/local/point-in-time.ts';
import { openStorage } from '../../lib/local/s3.ts';
import { openSecrets } from '../../lib/local/secrets.ts';
import { type FunctionProcedureName, functionName, type Procedure, procedureNames, procedures } from '../../lib/procedures.ts';
import { openWorkbench, type Workbench } from '../ops/workbench.ts';
import { type LogEvents, sourceOf } from '../support/aws-account.ts';

export interface ToolRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: what it is, the test asserts
  readonly json: Record<string, any>;
}

export interface TestStage {
  readonly bench: Workbench;
  /** Value of OAUTH2_DATA_DIR. */
  readonly folder: string;
  /** URL of the Lambda API. */
  readonly lambda: string;
  /** What the tool finds in the logs. */
  readonly logs: LogEvents;
  /** Payloads as the functions got them. */
  readonly payloads: { name: string; payload: Record<string, unknown> }[];
  /** Makes the next call of a function end as Lambda ends one that failed. @param of of this one; absent: of any */
  crashNext(error: object, of?: FunctionProcedureName): void;
  run(words: readonly string[], stdin?: string): Promise<ToolRun>;
  stop(): Promise<void>;
}

/** Runs the tool in this process. */
export async function runInProcess(
  words: readonly string[],
  environment: Record<string, string>,
  stdin = '',
  patience?: Patience,
  signal?: AbortSignal,
  said: (text: string) => void = () => {},
): Promise<ToolRun> {
  let [stdout, stderr] = ['', ''];
  const code = await runTool(words, '9.9.9', {
    environment,
    ...(patience && { patience }),
    ...(signal && { signal }),
    stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]) as NodeJS.ReadStream,
    write: (text) => {
      stdout += text;
      said(text);
    },
    complain: (text) => {
      stderr += text;
    },
  });
  return {
    code,
    stdout,
    stderr,
    get json() {
      return JSON.parse(stdout);
    },
  };
}

type Handler = (event: unknown, context: { awsRequestId: string }) => Promise<unknown>;

export async function openStage(): Promise<TestStage> {
  const bench = await openWorkbench();
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-stage-'));
  const secrets = await openSecrets({ file: join(folder, 'secrets.json'), region: 'us-east-1', account: '000000000000' });
  const arn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:signing-AbCdEf';
  secrets.declare([{ name: 'signing', arn }]);
  // A role of its own: other test files may share the server.
  const username = `oauth2_admin_${randomBytes(4).toString('hex')}`;
  const place = { region: 'us-east-1', account: '000000000000' };
  const database = { port: bench.database.port, url: () => bench.database.url };
  // The server is shared, and no copy of it is kept.
  const points = openPointInTime({ folder: join(folder, 'postgres'), url: database.url });
  const common = { secrets, place, stage: 'local', username, say: () => {} };
  const rds = await openAdministrator({ ...common, database: () => database, points });
  const storage = await openStorage(join(folder, 'buckets'));
  storage.declare([{ name: 'backups' }]);
  const handlers = new Map<string, Handler>();
  for (const name of procedureNames) {
    const { needs }: Procedure = procedures[name];
    Object.assign(process.env, {
      OAUTH2_STAGE: 'local',
      OAUTH2_ISSUER: 'https://issuer.example',
      OAUTH2_VERSION: '9.9.9',
      OAUTH2_SCHEMA_VERSION: '1',
      OAUTH2_DATABASE_HOST: bench.database.host,
      OAUTH2_DATABASE_PORT: String(bench.database.port),
      OAUTH2_DATABASE_NAME: bench.database.name,
      OAUTH2_DATABASE_USER: needs.includes('schema') ? 'oauth2_migrator' : 'oauth2_operator',
      OAUTH2_DATABASE_TLS: 'off',
      OAUTH2_DATABASE_PREPARE: 'true',
      OAUTH2_SIGNING_SECRET: arn,
      OAUTH2_DATABASE_ADMIN_SECRET: name === 'verify-administrator' ? administratorSecret : '',
      OAUTH2_BACKUP_BUCKET: 'backups',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
      AWS_ENDPOINT_URL_S3: storage.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    });
    const { handler } = (await import(`../../functions/ops/${name}/handler.ts`)) as { handler: Handler };
    handlers.set(functionName('local', name), handler);
  }
  const payloads: TestStage['payloads'] = [];
  let crash: { error: object; of: string | undefined } | undefined;
  const plainName = (name: string) => name.split(':')[0] ?? '';
  const functions = {
    find: (name: string) =>
      handlers.has(plainName(name)) ? { name: plainName(name), arn: 'arn', folder, handler: 'index.handler' } : undefined,
    names: () => [...handlers.keys()],
    invoke: async (name: string, payload: string) => {
      payloads.push({ name, payload: JSON.parse(payload) });
      if (crash && (crash.of === undefined || crash.of === plainName(name))) {
        const { error } = crash;
        crash = undefined;
        return { verdict: 'failed', payload: JSON.stringify(error), tail: () => '' };
      }
      const answer = await handlers.get(plainName(name))?.(JSON.parse(payload), { awsRequestId: 'request' });
      return { verdict: 'answered', payload: JSON.stringify(answer), tail: () => '' };
    },
  } as unknown as Functions;
  const lambda = await openLambdaApi(functions);
  const logs: LogEvents = new Map();
  const logsApi = await openLogsApi(sourceOf(logs));
  // Its procedures are there, its endpoints are not: port 9 answers nobody.
  const runtime = { pid: process.pid, stage: 'local', issuer: 'http://127.0.0.1:9', lambda_endpoint: lambda.url };
  const endpoints = {
    secrets_endpoint: secrets.url,
    s3_endpoint: storage.url,
    rds_endpoint: rds.url,
    logs_endpoint: logsApi.url,
  };
  writeFileSync(join(folder, 'runtime.json'), JSON.stringify({ ...runtime, ...endpoints }));
  return {
    bench,
    folder,
    lambda: lambda.url,
    logs,
    payloads,
    crashNext: (error, of) => {
      crash = { error, of: of && functionName('local', of) };
    },
    run: (words, stdin) => runInProcess(words, { OAUTH2_DATA_DIR: folder }, stdin, { tries: 1, pause_ms: 0 }),
    stop: async () => {
      await lambda.close();
      await rds.close();
      await logsApi.close();
      await secrets.close();
      await storage.close();
      await bench.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
