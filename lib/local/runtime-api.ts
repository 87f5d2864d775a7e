/** The Lambda Runtime API for one sandbox: hands out its invocations and takes its answers, on a loopback port of its own. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export interface Delivery {
  readonly id: string;
  readonly payload: string;
  /** Milliseconds since the epoch by which the function must have answered. */
  readonly deadline: number;
  readonly arn: string;
}

export interface RuntimeApiEvents {
  /** The sandbox asks for its next invocation: it is loaded and has nothing to do. */
  next(): void;
  answered(id: string, payload: string): void;
  /** The handler threw; the payload is its error as JSON. */
  failed(id: string, payload: string): void;
  /** The bundle could not be loaded. */
  initFailed(payload: string): void;
}

export interface RuntimeApi {
  /** `127.0.0.1:port`, for AWS_LAMBDA_RUNTIME_API. */
  readonly address: string;
  /** Answers the sandbox's pending question with an invocation. */
  deliver(delivery: Delivery): void;
  close(): void;
}

/** Largest answer that Lambda takes from a function called for its answer. */
const largestAnswer = 6 * 1024 * 1024;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function answerTooLarge(size: number): string {
  return JSON.stringify({
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size (${size} bytes) exceeded maximum allowed payload size (${largestAnswer} bytes).`,
  });
}

/** Opens the API of one sandbox on a free port. */
export async function openRuntimeApi(events: RuntimeApiEvents): Promise<RuntimeApi> {
  let pending: ServerResponse | undefined;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, id, kind] = /^\/2018-06-01\/runtime\/(?:invocation\/([^/]+)|init)\/(\w+)$/.exec(request.url ?? '') ?? [];
    if (request.method === 'GET' && request.url === '/2018-06-01/runtime/invocation/next') {
      pending = response;
      events.next();
      return;
    }
    const body = await bodyOf(request);
    if (request.method !== 'POST' || (kind !== 'response' && kind !== 'error')) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"status":"OK"}');
    if (id === undefined) events.initFailed(body);
    else if (kind === 'error') events.failed(id, body);
    else if (Buffer.byteLength(body) > largestAnswer) events.failed(id, answerTooLarge(Buffer.byteLength(body)));
    else events.answered(id, body);
  }

  const server: Server = createServer((request, response) => void serve(request, response).catch(() => response.destroy()));
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return {
    address: `127.0.0.1:${(server.address() as { port: number }).port}`,
    deliver({ id, payload, deadline, arn }) {
      const response = pending;
      pending = undefined;
      response?.writeHead(200, {
        'content-type': 'application/json',
        'lambda-runtime-aws-request-id': id,
        'lambda-runtime-deadline-ms': String(deadline),
        'lambda-runtime-invoked-function-arn': arn,
        'lambda-runtime-trace-id': `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${id.replaceAll('-', '').slice(0, 24)};Sampled=0`,
      });
      response?.end(payload);
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
