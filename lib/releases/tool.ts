/** What a procedure that the tool carries out itself is given, and what it answers: the same as one that is a function. */
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { SSMClient } from '@aws-sdk/client-ssm';
import type { FunctionProcedureName } from '../procedures.ts';
import { ReleaseFault } from './fault.ts';

export interface ToolAnswer {
  readonly outcome: 'planned' | 'succeeded' | 'failed';
  readonly plan: { readonly steps: readonly string[] };
  readonly result?: unknown;
  readonly next?: readonly string[];
  readonly error?: { readonly code: string; readonly message: string };
}

export interface ToolOrder {
  readonly input: Readonly<Record<string, unknown>>;
  readonly apply: boolean;
  readonly reason?: string;
}

/** What the instance that runs on this machine says about itself. */
export interface LocalRuntime {
  readonly issuer?: unknown;
  /** Where it answers the APIs of AWS. */
  readonly lambda_endpoint: string;
  readonly secrets_endpoint?: string;
  readonly s3_endpoint?: string;
  readonly rds_endpoint?: string;
  readonly logs_endpoint?: string;
  readonly sfn_endpoint?: string;
}

export interface ToolContext {
  readonly stage: string;
  readonly actor: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Runs a procedure that is a function, as a command of its own would. */
  call(
    name: FunctionProcedureName,
    input: Readonly<Record<string, unknown>>,
    reason: string,
    incident?: string,
    /** Id under which the run tells how far it has come. */
    progress?: string,
  ): Promise<ToolAnswer>;
  /** What a procedure that is a function would do. */
  plan(name: FunctionProcedureName, input: Readonly<Record<string, unknown>>): Promise<ToolAnswer>;
  /** Attempts to find a server well after its aliases moved: Lambda takes seconds to know that everywhere. */
  readonly patience: { readonly tries: number; readonly pause_ms: number };
  /** Writes for a procedure that shows things while it runs. */
  print(text: string): void;
  /** Whether what is printed is for scripts. */
  readonly json: boolean;
  /** Ends a procedure that goes on until it is told to stop. */
  readonly signal?: AbortSignal | undefined;
  /** Issuer of the instance that runs on this machine. @throws where none runs */
  findLocalIssuer(): string;
  /** @throws where none runs on this machine */
  findLocalRuntime(): LocalRuntime;
}

export type ToolProcedure = (context: ToolContext, order: ToolOrder) => Promise<ToolAnswer>;

export interface Clients {
  readonly lambda: LambdaClient;
  readonly ssm: SSMClient;
}

/** Works with clients that are closed afterwards; their code is loaded only now. */
export async function withClients<T>(work: (clients: Clients) => Promise<T>): Promise<T> {
  const [{ LambdaClient }, { SSMClient }] = await Promise.all([import('@aws-sdk/client-lambda'), import('@aws-sdk/client-ssm')]);
  const options = { maxAttempts: 5, requestHandler: { requestTimeout: 20_000, connectionTimeout: 5000 } };
  const clients: Clients = { lambda: new LambdaClient(options), ssm: new SSMClient(options) };
  try {
    return await work(clients);
  } finally {
    clients.lambda.destroy();
    clients.ssm.destroy();
  }
}

/** Says that something begins, with the time; not to a script. */
export function tellStep({ print, json }: Pick<ToolContext, 'print' | 'json'>, text: string): void {
  if (!json) print(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
}

/** Turns a refusal into an answer; everything else is the caller's. */
export function answering(procedure: ToolProcedure): ToolProcedure {
  return async (context, order) => {
    try {
      return await procedure(context, order);
    } catch (error) {
      if (!(error instanceof ReleaseFault)) throw error;
      return { outcome: 'failed', plan: { steps: [] }, error: { code: error.code, message: error.message } };
    }
  };
}

/** A local instance runs the working tree: there is nothing to move and nothing to go back to. */
export const oneRelease = 'A local instance has one release, the working tree: no alias to move, no other release to list.';
