/** Answers the Lambda Invoke API on a loopback address, so that the AWS SDK can call the functions of this machine. */
import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { type AwsEndpoint, AwsError, type AwsRequest, type AwsResponse, openAwsEndpoint } from './aws-endpoint.ts';
import type { Functions } from './functions.ts';
import type { FunctionSpec } from './sandbox.ts';
import type { StartFunction } from './start-function.ts';

const largestPayload = 6 * 1024 * 1024;

function configurationOf(spec: FunctionSpec) {
  return {
    FunctionName: spec.name,
    FunctionArn: spec.arn,
    Runtime: 'nodejs24.x',
    Handler: spec.handler,
    MemorySize: spec.memory_mb,
    Timeout: spec.timeout_seconds,
    Version: '1',
    State: 'Active',
    PackageType: 'Zip',
    Environment: { Variables: spec.environment },
  };
}

function readPayload(body: string): string {
  if (Buffer.byteLength(body) > largestPayload)
    throw new AwsError('RequestTooLargeException', `Request must be smaller than ${largestPayload} bytes`, 413);
  try {
    return JSON.stringify(JSON.parse(body === '' ? '{}' : body));
  } catch {
    throw new AwsError('InvalidRequestContentException', 'Could not parse request body into json.');
  }
}

async function invoke(
  functions: Functions,
  start: StartFunction,
  spec: FunctionSpec,
  { headers, body }: AwsRequest,
): Promise<AwsResponse> {
  const type = headers['x-amz-invocation-type'] ?? 'RequestResponse';
  const payload = readPayload(body);
  const base = { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() };
  if (type === 'DryRun') return { status: 204, headers: base, body: '' };
  if (type === 'Event') {
    start(spec.name, payload);
    return { status: 202, headers: base, body: '' };
  }
  if (type !== 'RequestResponse') throw new AwsError('InvalidParameterValueException', `unknown invocation type ${type}`);
  const outcome = await functions.invoke(spec.name, payload);
  if (outcome.verdict === 'throttled') throw new AwsError('TooManyRequestsException', 'Rate Exceeded.', 429);
  await turn(); // What the function wrote last is read in the same turn as its answer.
  return {
    status: 200,
    headers: {
      ...base,
      'x-amz-executed-version': '1',
      ...(outcome.verdict !== 'answered' && { 'x-amz-function-error': 'Unhandled' }),
      ...(headers['x-amz-log-type'] === 'Tail' && { 'x-amz-log-result': Buffer.from(outcome.tail()).toString('base64') }),
    },
    body: outcome.payload,
  };
}

/** Opens the API over the functions. @param start runs one that nobody waits for */
export function openLambdaApi(
  functions: Functions,
  start: StartFunction = (name, payload) => void functions.invoke(name, payload),
): Promise<AwsEndpoint> {
  return openAwsEndpoint((request) => {
    const [path = ''] = request.target.split('?');
    const [, name = '', rest = ''] = /^\/2015-03-31\/functions\/?([^/]*)(\/.*)?$/.exec(path) ?? [];
    if (request.method === 'GET' && name === '' && path.startsWith('/2015-03-31/functions'))
      return json({ Functions: functions.names().map((one) => configurationOf(functions.find(one) as FunctionSpec)) });
    const spec = functions.find(decodeURIComponent(name));
    if (!spec) throw new AwsError('ResourceNotFoundException', `Function not found: ${decodeURIComponent(name) || path}`, 404);
    if (request.method === 'POST' && rest === '/invocations') return invoke(functions, start, spec, request);
    if (request.method === 'GET' && rest === '/configuration') return json(configurationOf(spec));
    if (request.method === 'GET' && rest === '')
      return json({ Configuration: configurationOf(spec), Code: { RepositoryType: 'file', Location: spec.folder } });
    throw new AwsError('UnknownOperationException', `${request.method} ${path} is not answered on this machine.`, 404);
  });
}

function json(value: unknown): AwsResponse {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}
