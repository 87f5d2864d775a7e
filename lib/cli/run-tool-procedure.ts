/** Runs a procedure that the tool carries out itself, and explains in one line why AWS or the stage could not be reached. */
import type { ToolProcedureName } from '../procedures.ts';
import type { ToolContext, ToolProcedure } from '../releases/tool.ts';
import { CliFailure } from './exit-codes.ts';
import { findLocalIssuer, invokeProcedure, nameActor, type Order, type ProcedureAnswer, readRuntime } from './invoke.ts';
import { toolProcedures } from './tool-commands.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export type Patience = ToolContext['patience'];

/** What the tool gives a procedure of its own beside the order. */
export interface Surroundings extends Pick<ToolContext, 'print' | 'json' | 'signal'> {
  readonly patience?: Patience | undefined;
}

function explain(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const unreachable = (message: string) => new CliFailure('unreachable', message);
  // Its message names the action and the resource.
  if (/^AccessDenied/.test(error.name)) return unreachable(`your AWS identity may not do this: ${error.message}`);
  if (/Credential|Token|UnrecognizedClient|InvalidSignature/.test(error.name) || /credentials/i.test(error.message))
    return unreachable(`AWS does not know who you are (${error.message}): sign in, or set AWS_PROFILE`);
  if (/region is missing/i.test(error.message)) return unreachable('no AWS region is chosen: set AWS_REGION');
  const code = 'code' in error ? String(error.code) : '';
  if ('$metadata' in error || /^(E[A-Z]+|UND_ERR)/.test(code) || error.name === 'TimeoutError')
    return unreachable(
      `AWS did not do what was asked (${error.name}: ${error.message}): run it again, it goes on where it stopped`,
    );
  return error;
}

/** @throws {CliFailure} where AWS or the stage cannot be reached */
export function runToolProcedure(
  stage: string,
  name: ToolProcedureName,
  order: Order,
  environment: Environment,
  surroundings: Surroundings,
): Promise<ProcedureAnswer> {
  return runInTool(stage, toolProcedures[name], order, environment, surroundings);
}

/** @throws {CliFailure} where AWS or the stage cannot be reached */
export async function runInTool(
  stage: string,
  procedure: ToolProcedure,
  order: Order,
  environment: Environment,
  { print, json, signal, patience = { tries: 10, pause_ms: 2000 } }: Surroundings,
): Promise<ProcedureAnswer> {
  const context: ToolContext = {
    stage,
    actor: nameActor(),
    environment,
    patience,
    print,
    json,
    signal,
    findLocalRuntime: () => readRuntime(environment),
    call: (procedure, input, reason, incident, progress) => {
      const more = { ...(incident !== undefined && { incident }), ...(progress !== undefined && { progress }) };
      return invokeProcedure(stage, procedure, { input, apply: true, reason, ...more }, environment);
    },
    plan: (procedure, input) => invokeProcedure(stage, procedure, { input, apply: false }, environment),
    findLocalIssuer: () => findLocalIssuer(environment),
  };
  try {
    return await procedure(context, order);
  } catch (error) {
    throw explain(error);
  }
}
