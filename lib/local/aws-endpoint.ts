/** A loopback server for one AWS JSON API: takes signed calls of SDKs on this machine and refuses those that a web page could make. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** An error as AWS's JSON APIs answer it. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export interface AwsRequest {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface AwsResponse {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: string;
}

export interface AwsEndpoint {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  close(): Promise<void>;
}

async function read(request: IncomingMessage): Promise<AwsRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return {
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    headers: request.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

/** A browser cannot set `Authorization` on another origin's address without asking first, and is not told yes. */
export function isSigned(request: IncomingMessage): boolean {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  return /^(127\.0\.0\.1|localhost)$/.test(host) && /^AWS4-HMAC-SHA256 /.test(request.headers.authorization ?? '');
}

function send(response: ServerResponse, { status, headers = {}, body }: AwsResponse): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    ...headers,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

function refusal(error: unknown): AwsResponse {
  const known = error instanceof AwsError ? error : new AwsError('InternalServiceError', String(error), 500);
  const body = JSON.stringify({ __type: known.code, message: known.message, Message: known.message });
  return { status: known.status, headers: { 'x-amzn-errortype': known.code }, body };
}

/** Opens the endpoint on a free loopback port. The signature itself is not checked: whoever runs programs here may call it. */
export async function openAwsEndpoint(answer: (request: AwsRequest) => Promise<AwsResponse> | AwsResponse): Promise<AwsEndpoint> {
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (!isSigned(request)) throw new AwsError('MissingAuthenticationTokenException', 'The request is not signed.', 403);
      send(response, await answer(await read(request)));
    } catch (error) {
      if (!response.headersSent) send(response, refusal(error));
    }
  }
  const server = createServer((request, response) => void serve(request, response));
  server.keepAliveTimeout = 60_000;
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
