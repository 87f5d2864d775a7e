/** Runs one function in its own process over the Lambda Runtime API, as the runtime of Lambda does: load, then one invocation after another. */
import { Agent, request as httpRequest } from 'node:http';
import { Socket } from 'node:net';
import { env, exit } from 'node:process';
import { pathToFileURL } from 'node:url';

const [host, port] = env.AWS_LAMBDA_RUNTIME_API.split(':');
// The runtime holds the other end of this pipe: when it disappears, however it ends, so does this process.
new Socket({ fd: 3 })
  .on('error', () => exit(0))
  .on('close', () => exit(0))
  .resume()
  .unref();

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

/** One call of the Runtime API; without the API there is nothing left to do here. */
function call(method, path, body, headers = {}) {
  return new Promise((resolve) => {
    const options = { host, port, agent, method, path: `/2018-06-01/runtime/${path}`, headers };
    const request = httpRequest(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() }));
    });
    request.on('error', () => exit(0));
    request.end(body);
  });
}

function describe(error) {
  const known = error instanceof Error;
  return JSON.stringify({
    errorType: known ? error.name : typeof error,
    errorMessage: known ? error.message : String(error),
    trace: known ? (error.stack ?? '').split('\n') : [],
  });
}

function report(path, error) {
  const type = error instanceof Error ? error.name : 'Error';
  return call('POST', path, describe(error), { 'content-type': 'application/json', 'lambda-runtime-function-error-type': type });
}

/** What was written is read before the answer, even where a pipe was full: the process may be ended right after it. */
async function flush() {
  for (const stream of [process.stdout, process.stderr])
    if (stream.writableLength > 0) await new Promise((done) => stream.write('', done));
}

async function load() {
  const mark = env._HANDLER.lastIndexOf('.');
  const [file, name] = [env._HANDLER.slice(0, mark), env._HANDLER.slice(mark + 1)];
  const loaded = await import(pathToFileURL(`${env.LAMBDA_TASK_ROOT}/${file}.mjs`).href);
  if (typeof loaded[name] !== 'function') throw new TypeError(`${env._HANDLER} is not a function of the bundle`);
  return loaded[name];
}

function contextOf(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

let handler;
try {
  handler = await load();
} catch (error) {
  process.stderr.write(`${error?.stack ?? error}\n`);
  await report('init/error', error);
  exit(1);
}

for (;;) {
  const { headers, text } = await call('GET', 'invocation/next');
  const id = headers['lambda-runtime-aws-request-id'];
  if (headers['lambda-runtime-trace-id']) env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
  try {
    const result = await handler(JSON.parse(text), contextOf(headers));
    await flush();
    await call('POST', `invocation/${id}/response`, JSON.stringify(result === undefined ? null : result));
  } catch (error) {
    process.stderr.write(`${error?.stack ?? error}\n`);
    await flush();
    await report(`invocation/${id}/error`, error);
  }
}
