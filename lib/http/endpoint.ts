/** Wraps what an endpoint serves: metrics → request log → security headers → error boundary, each a skin of the onion. */
import middy, { type MiddlewareObj, type Request } from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { Refusal, Unavailable } from '../protocol/errors.ts';
import { type Route, type RouteName, routes } from '../routes.ts';
import { count, logWithMetrics, metrics, observeDuration, publishMetrics, watchMemory } from '../telemetry.ts';
import { createAddressReader } from './caller-address.ts';
import { presentAsJson } from './errors.ts';
import { type Gate, type HttpRequest, readRequest } from './request.ts';
import { answerEmpty, type HttpResponse } from './response.ts';

/** Shows a refusal to whoever sent the request. */
export type Present = (refusal: Refusal, requestId: string) => HttpResponse;

export interface EndpointOptions {
  readonly config: {
    readonly issuer: string;
    /** What CloudFront proves itself by, where it stands in front. */
    readonly origin_secrets: readonly string[];
  };
  /** Default: as JSON. */
  readonly present?: Present;
  /** Asked before anything is done with a request. */
  readonly gate?: Gate;
}

type Result = APIGatewayProxyStructuredResultV2;
type Skin = MiddlewareObj<APIGatewayProxyEventV2, Result, Error, Context, { trace?: Trace }>;
type Pass = Request<APIGatewayProxyEventV2, Result, Error, Context, { trace?: Trace }>;

/** What one request leaves for the skins outside it. */
interface Trace {
  readonly started: number;
  request?: HttpRequest;
  refusal?: Refusal;
}

const traceOf = (pass: Pass): Trace => pass.internal.trace as Trace;

/** The Lambda handler of a route. */
export function endpoint(
  name: RouteName,
  options: EndpointOptions,
  serve: (request: HttpRequest) => Promise<HttpResponse> | HttpResponse,
) {
  const route: Route = routes[name];
  const readAddress = createAddressReader(options.config.origin_secrets);
  const traces = new WeakMap<APIGatewayProxyEventV2, Trace>();
  const handle = async (event: APIGatewayProxyEventV2): Promise<Result> => {
    const request = readRequest(event, readAddress(event));
    const trace = traces.get(event);
    if (trace) trace.request = request;
    const refusedMethod = answerMethod(route, request.method);
    return toResult(refusedMethod ?? (await admit(options.gate, request, serve)));
  };
  return middy<APIGatewayProxyEventV2, Result, Error, Context, { trace?: Trace }>(handle)
    .use(measure(name, traces))
    .use(logRequests(name))
    .use(secure(route, options.config.issuer))
    .use(boundary(options.present ?? presentAsJson));
}

/** Serves what the gate lets in. What the gate reads beside it has to end first: a frozen sandbox would lose its connection over it. */
async function admit(
  gate: Gate | undefined,
  request: HttpRequest,
  serve: (request: HttpRequest) => Promise<HttpResponse> | HttpResponse,
): Promise<HttpResponse> {
  if (!gate) return serve(request);
  const opening = gate.open();
  if (opening) await opening;
  gate.check(request);
  try {
    return await serve(request);
  } finally {
    const closing = gate.close();
    if (closing) await closing;
  }
}

/** 405 with `Allow` for a method that the route does not serve, and the answer to OPTIONS (RFC 9110 §9.3.7, §15.5.6). */
function answerMethod(route: Route, method: string): HttpResponse | undefined {
  const served: readonly string[] = route.methods;
  if (served.includes(method) || (method === 'HEAD' && served.includes('GET'))) return undefined;
  const allow = [...served, ...(served.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  if (method !== 'OPTIONS') {
    const body = JSON.stringify({
      error: 'invalid_request',
      error_description: `The method ${method.replace(/\W/g, '?')} is not served here.`,
    });
    return { ...answerEmpty(405, { allow, 'content-type': 'application/json' }), body };
  }
  const cors = {
    'access-control-allow-methods': served.join(', '),
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-max-age': '3600',
  };
  return answerEmpty(204, { allow, ...(route.cors && cors) });
}

function toResult(response: HttpResponse): Result {
  return {
    statusCode: response.status,
    headers: { ...response.headers },
    ...(response.cookies && response.cookies.length > 0 && { cookies: [...response.cookies] }),
    body: response.body,
  };
}

function measure(name: RouteName, traces: WeakMap<APIGatewayProxyEventV2, Trace>): Skin {
  const finish = (pass: Pass) => {
    const { started } = traceOf(pass);
    const status = String(pass.response?.statusCode ?? 500);
    // Two views of each metric: the whole service by class of status, for alarms; and every route by itself.
    metrics.addDimensions({ status_class: `${status[0]}xx` });
    metrics.addDimensions({ route: name, method: pass.event.requestContext.http.method, status });
    count('http_requests_total');
    observeDuration('http_request_duration_seconds', performance.now() - started);
    publishMetrics();
    watchMemory(pass.context.memoryLimitInMB, { route: name });
  };
  return {
    before: (pass) => {
      const trace: Trace = { started: performance.now() };
      pass.internal.trace = trace;
      traces.set(pass.event, trace);
    },
    after: finish,
    onError: finish,
  };
}

function logRequests(name: RouteName): Skin {
  const finish = (pass: Pass) => {
    const { started, request, refusal } = traceOf(pass);
    const status = pass.response?.statusCode ?? 500;
    logWithMetrics(status >= 500 ? 'error' : refusal ? 'warn' : 'info', 'request', {
      request_id: pass.event.requestContext.requestId,
      route: name,
      method: pass.event.requestContext.http.method,
      status,
      duration_ms: Math.round((performance.now() - started) * 10) / 10,
      ...addressBehindEdge(pass.event, request),
      ...request?.notes,
      ...(refusal && { error: refusal.error, description: refusal.description }),
      ...(refusal?.detail !== undefined && { detail: refusal.detail }),
    });
  };
  return { after: finish, onError: finish };
}

/** The access log has the address of CloudFront then. */
function addressBehindEdge({ requestContext }: APIGatewayProxyEventV2, request: HttpRequest | undefined) {
  return request && request.source_ip !== requestContext.http.sourceIp && { address: request.source_ip };
}

function secure(route: Route, issuer: string): Skin {
  const added = {
    'x-content-type-options': 'nosniff',
    // RFC 9700 §4.2.4: codes and states never leave in a Referer.
    'referrer-policy': 'no-referrer',
    ...(issuer.startsWith('https:') && { 'strict-transport-security': 'max-age=63072000; includeSubDomains' }),
    ...(route.cors && { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'www-authenticate, retry-after' }),
  };
  const finish = (pass: Pass) => {
    if (pass.response) pass.response.headers = { ...added, ...pass.response.headers };
  };
  return { after: finish, onError: finish };
}

function boundary(present: Present): Skin {
  return {
    onError: (pass) => {
      const refusal = toRefusal(pass.error);
      const trace = traceOf(pass);
      trace.refusal = refusal;
      pass.response = toResult(present(refusal, pass.event.requestContext.requestId));
    },
  };
}

/** Seconds after which a client may try again when something is away. */
const retryAfter = 2;

function toRefusal(cause: unknown): Refusal {
  if (cause instanceof Refusal) return cause;
  if (cause instanceof Unavailable) {
    return new Refusal('temporarily_unavailable', 'The server cannot answer now. Try again shortly.', {
      detail: cause.detail,
      retry_after: cause.retry_after ?? retryAfter,
    });
  }
  const detail = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return new Refusal('server_error', 'The server met an unexpected condition.', { detail });
}
