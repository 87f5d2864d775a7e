/** Makes the events that API Gateway sends a function (payload 2.0) and calls a function's handler with them. */
import type { APIGatewayProxyEventV2, Context } from 'aws-lambda';

export interface EventParts {
  readonly method?: string;
  readonly path: string;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly base64?: boolean;
  readonly source_ip?: string;
  readonly path_parameters?: Readonly<Record<string, string>>;
}

export function makeEvent(parts: EventParts): APIGatewayProxyEventV2 {
  const { method = 'POST', path, query = '', headers = {}, body, base64 = false, source_ip = '127.0.0.1' } = parts;
  return {
    version: '2.0',
    routeKey: `ANY ${path}`,
    rawPath: path,
    rawQueryString: query,
    headers: { ...headers },
    ...(parts.path_parameters && { pathParameters: { ...parts.path_parameters } }),
    requestContext: {
      apiId: 'api',
      requestId: 'request-1',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: source_ip, userAgent: '' },
    },
    ...(body !== undefined && { body }),
    isBase64Encoded: base64,
  } as APIGatewayProxyEventV2;
}

export interface FunctionAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const context = { functionName: 'test', getRemainingTimeInMillis: () => 10_000 } as unknown as Context;

/** Calls the function of a route; a server must have been started, whose environment the function reads. @param more of Lambda's context */
export async function callFunction(name: string, parts: EventParts, more: Partial<Context> = {}): Promise<FunctionAnswer> {
  const module = (await import(`../../functions/http/${name}/handler.ts`)) as {
    handler: (event: APIGatewayProxyEventV2, context: Context) => Promise<FunctionAnswer>;
  };
  return module.handler(makeEvent(parts), { ...context, ...more });
}
