/** Clients of the AWS APIs for a stage: of the operator's account, or of the instance that runs on this machine. */
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { LambdaClient } from '@aws-sdk/client-lambda';
import type { RDSClient } from '@aws-sdk/client-rds';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { SFNClient } from '@aws-sdk/client-sfn';
import { ReleaseFault } from '../releases/fault.ts';
import type { LocalRuntime, ToolContext } from '../releases/tool.ts';

const patient = { maxAttempts: 8, requestHandler: { requestTimeout: 20_000, connectionTimeout: 5000 } };

/** Settings of a client whose API the instance on this machine answers itself. */
function placeOf({ stage, findLocalRuntime }: ToolContext, endpoint: keyof LocalRuntime): object {
  if (stage !== 'local') return patient;
  const url = findLocalRuntime()[endpoint];
  if (typeof url !== 'string')
    throw new ReleaseFault('not_answered', 'the instance that runs here is of an older release: stop it and start it again');
  return { ...patient, endpoint: url, region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
}

async function closing<C extends { destroy(): void }, T>(client: C, work: (client: C) => Promise<T>): Promise<T> {
  try {
    return await work(client);
  } finally {
    client.destroy();
  }
}

/** Works with a client that is closed afterwards; its code is loaded only now. */
export async function withLogs<T>(context: ToolContext, work: (logs: CloudWatchLogsClient) => Promise<T>): Promise<T> {
  const settings = placeOf(context, 'logs_endpoint');
  const { CloudWatchLogsClient } = await import('@aws-sdk/client-cloudwatch-logs');
  return closing(new CloudWatchLogsClient(settings), work);
}

/** Works with a client that is closed afterwards; its code is loaded only now. */
export async function withLambda<T>(context: ToolContext, work: (lambda: LambdaClient) => Promise<T>): Promise<T> {
  const settings = placeOf(context, 'lambda_endpoint');
  const { LambdaClient } = await import('@aws-sdk/client-lambda');
  return closing(new LambdaClient(settings), work);
}

/** Works with a client that is closed afterwards; its code is loaded only now. */
export async function withStateMachines<T>(context: ToolContext, work: (machines: SFNClient) => Promise<T>): Promise<T> {
  const settings = placeOf(context, 'sfn_endpoint');
  const { SFNClient } = await import('@aws-sdk/client-sfn');
  return closing(new SFNClient(settings), work);
}

/** Works with a client that is closed afterwards; its code is loaded only now. */
export async function withSecrets<T>(context: ToolContext, work: (secrets: SecretsManagerClient) => Promise<T>): Promise<T> {
  const settings = placeOf(context, 'secrets_endpoint');
  const { SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  return closing(new SecretsManagerClient(settings), work);
}

/** Works with a client that is closed afterwards; its code is loaded only now. */
export async function withInstances<T>(context: ToolContext, work: (rds: RDSClient) => Promise<T>): Promise<T> {
  const settings = placeOf(context, 'rds_endpoint');
  const { RDSClient } = await import('@aws-sdk/client-rds');
  return closing(new RDSClient(settings), work);
}
