/** Answers HTTP as an API Gateway HTTP API does: finds the route, calls its function, maps event and answer. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Served } from './access-log.ts';
import { gatewayMessage, type HttpAnswer, type HttpEvent, splitTarget, toAnswer, toEvent } from './http-event.ts';
import { type GatewayRoute, routeMatcher } from './route-match.ts';

/** A function that cannot answer now (timed out, cannot start, too many waiting): the client gets 503. */
export class FunctionUnavailable extends Error {
  override readonly name = 'FunctionUnavailable';
}

/** Calls a function with an event; its parsed answer. @throws FunctionUnavailable → 503; any other error → 500 */
export type Invoke = (name: string, event: HttpEvent) => Promise<unknown>;

export interface GatewayOptions {
  readonly routes: readonly GatewayRoute[];
  readonly invoke: Invoke;
  /** Told of every request that was answered. */
  readonly served?: (served: Served) => void;
}

export interface Gateway extends Server {
  /** Replaces the routes; requests under way are not touched. */
  setRoutes(routes: readonly GatewayRoute[]): void;
}

const largestBody = 10 * 1024 * 1024;

/** The request's body; undefined when it is larger than the gateway takes, the rest of it unread. */
function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = Number(request.headers['content-length'] ?? 0);
    if (size > largestBody) return resolve(undefined);
    size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= largestBody) chunks.push(chunk);
      else resolve(undefined);
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

function send(response: ServerResponse, answer: HttpAnswer, requestId: string | undefined): void {
  try {
    if (requestId !== undefined) response.setHeader('apigw-requestid', requestId);
    response.writeHead(answer.status, { ...answer.headers, 'content-length': answer.body.length });
  } catch {
    // A header field that no HTTP message may carry: the function's fault, as in API Gateway.
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    const failure = gatewayMessage(500, 'Internal Server Error');
    response.writeHead(failure.status, { ...failure.headers, 'content-length': failure.body.length });
    response.end(failure.body);
    return;
  }
  response.end(answer.body);
}

/**
 * A server (not listening yet) that maps requests to functions.
 * @param options.invoke how a function is called: in a sandbox, or in process for a test or a measurement
 */
export function createGateway({ routes, invoke, served }: GatewayOptions): Gateway {
  let match = routeMatcher(routes);

  async function answer(request: IncomingMessage): Promise<{ answer: HttpAnswer; event?: HttpEvent; close?: boolean }> {
    const found = match(request.method ?? 'GET', splitTarget(request.url ?? '/').path);
    if (!found) return { answer: gatewayMessage(404, 'Not Found'), close: true };
    const body = await readBody(request);
    if (!body) return { answer: gatewayMessage(413, 'Request Entity Too Large'), close: true };
    const event = toEvent(request, body, found);
    try {
      return { answer: toAnswer(await invoke(found.route.function, event)), event };
    } catch (error) {
      const away = error instanceof FunctionUnavailable;
      return {
        answer: away ? gatewayMessage(503, 'Service Unavailable') : gatewayMessage(500, 'Internal Server Error'),
        event,
      };
    }
  }

  const server = createServer((request, response) => {
    const started = performance.now();
    answer(request).then(
      ({ answer, event, close }) => {
        // What of the body was not read would be taken for the next request.
        if (close && !request.complete) response.shouldKeepAlive = false;
        send(response, answer, event?.requestContext.requestId);
        const milliseconds = Math.round(performance.now() - started);
        served?.({ request, event, status: response.statusCode, bytes: answer.body.length, milliseconds });
      },
      () => response.destroy(), // The client went away in the middle of its request.
    );
  });
  server.keepAliveTimeout = 60_000;
  return Object.assign(server, {
    setRoutes: (changed: readonly GatewayRoute[]) => {
      match = routeMatcher(changed);
    },
  });
}
