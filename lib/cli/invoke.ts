/** Calls a procedure's Lambda: of the instance that runs on this machine, or of a deployed stage with the operator's AWS identity. */
import { readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import type { LambdaClientConfig } from '@aws-sdk/client-lambda';
import { type FunctionProcedureName, functionName, type Procedure, procedures } from '../procedures.ts';
import type { LocalRuntime } from '../releases/tool.ts';
import { CliFailure } from './exit-codes.ts';

/** What a procedure answers. */
export interface ProcedureAnswer {
  readonly outcome: 'planned' | 'succeeded' | 'failed';
  readonly plan: { readonly steps: readonly string[] };
  readonly result?: unknown;
  readonly next?: readonly string[];
  readonly error?: { readonly code: string; readonly message: string };
}

export interface Order {
  readonly input: Readonly<Record<string, unknown>>;
  readonly apply: boolean;
  readonly reason?: string;
  /** The incident that it is part of. */
  readonly incident?: string;
  /** Id under which the run tells how far it has come. */
  readonly progress?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It belongs to somebody else, so it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const notRunning = (folder: string) =>
  new CliFailure(
    'unreachable',
    `nothing runs on ${folder}: run \`npm start\`, or set OAUTH2_DATA_DIR to its folder, or name a --stage`,
  );

/** What the instance that `npm start` runs says about itself. @throws {CliFailure} where it does not run */
export function readRuntime(environment: Environment): LocalRuntime {
  const folder = environment.OAUTH2_DATA_DIR || '.local';
  let runtime: { pid?: unknown } & Partial<LocalRuntime>;
  try {
    runtime = JSON.parse(readFileSync(join(folder, 'runtime.json'), 'utf8'));
  } catch {
    throw notRunning(folder);
  }
  if (typeof runtime.lambda_endpoint !== 'string' || (typeof runtime.pid === 'number' && !isAlive(runtime.pid)))
    throw notRunning(folder);
  return runtime as LocalRuntime;
}

/** @throws {CliFailure} where no instance runs on this machine */
export function findLocalIssuer(environment: Environment): string {
  return String(readRuntime(environment).issuer);
}

function findLocal(environment: Environment): LambdaClientConfig {
  return {
    endpoint: readRuntime(environment).lambda_endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
}

/** Who asks, for the audit log; on AWS, CloudTrail has the identity that was checked. */
export function nameActor(): string {
  let user = 'operator';
  try {
    user = userInfo().username;
  } catch {
    // A user id without an account has no name.
  }
  return `${user}@${hostname()}`.replace(/[^\w.@-]/g, '-').slice(0, 200);
}

function explain(error: unknown, stage: string, name: string, environment: Environment): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  if (stage === 'local' && /^(ECONN|EPIPE)/.test(code || error.name)) return notRunning(environment.OAUTH2_DATA_DIR || '.local');
  const unreachable = (message: string) => new CliFailure('unreachable', message);
  if (error.name === 'ResourceNotFoundException')
    return unreachable(
      `there is no function ${name}: is the stage "${stage}" deployed in this account and region, at this release?`,
    );
  if (/^AccessDenied/.test(error.name))
    return unreachable(`your AWS identity may not invoke ${name}: ask for lambda:InvokeFunction on it`);
  if (/Credential|Token|UnrecognizedClient|InvalidSignature/.test(error.name) || /credentials/i.test(error.message))
    return unreachable(`AWS does not know who you are (${error.message}): sign in, or set AWS_PROFILE`);
  if (/region/i.test(error.message)) return unreachable('no AWS region is chosen: set AWS_REGION');
  if (error.name === 'TooManyRequestsException' || error.name === 'TimeoutError' || code !== '')
    return unreachable(`${name} did not answer (${code || error.name}): try again; what it does is safe to repeat`);
  return unreachable(`${name} could not be invoked: ${error.name} ${error.message}`);
}

/**
 * Runs a procedure on a stage.
 * @throws {CliFailure} where the stage cannot be reached, or the function ended without an answer
 */
export async function invokeProcedure(
  stage: string,
  procedure: FunctionProcedureName,
  order: Order,
  environment: Environment,
): Promise<ProcedureAnswer> {
  const name = functionName(stage, procedure);
  const where = stage === 'local' ? findLocal(environment) : {};
  const { seconds = 30 }: Procedure = procedures[procedure];
  const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  const client = new LambdaClient({
    ...where,
    // A second attempt might do it twice.
    maxAttempts: 1,
    requestHandler: { requestTimeout: (seconds + 15) * 1000, connectionTimeout: 5000 },
  });
  try {
    const payload = JSON.stringify({ ...order, actor: nameActor() });
    const { FunctionError, Payload } = await client.send(
      new InvokeCommand({ FunctionName: name, Qualifier: 'live', Payload: payload }),
    );
    const text = Payload?.transformToString() ?? '';
    if (FunctionError !== undefined) throw describeCrash(name, text);
    return JSON.parse(text) as ProcedureAnswer;
  } catch (error) {
    throw error instanceof CliFailure ? error : explain(error, stage, name, environment);
  } finally {
    client.destroy();
  }
}

/** A function that threw, timed out or could not start; Lambda says so in JSON. */
function describeCrash(name: string, text: string): CliFailure {
  let reason = 'it gave no reason';
  try {
    reason = String((JSON.parse(text) as { errorMessage?: unknown }).errorMessage ?? reason);
  } catch {
    // Not even JSON: the log has more.
  }
  return new CliFailure('failed', `${name} ended without an answer: ${reason.slice(0, 500)}; its log says more`);
}
