/** Writes a line of the access log in the format that the template gives to API Gateway. */
import type { IncomingMessage } from 'node:http';
import type { HttpEvent } from './http-event.ts';

/** One request that was answered. */
export interface Served {
  readonly request: IncomingMessage;
  /** Absent where no route was found. */
  readonly event: HttpEvent | undefined;
  readonly status: number;
  readonly bytes: number;
  readonly milliseconds: number;
}

function valuesOf({ request, event, status, bytes, milliseconds }: Served): Record<string, string | number> {
  const context = event?.requestContext;
  return {
    requestTime: context?.time ?? new Date().toUTCString(),
    requestId: context?.requestId ?? '-',
    routeKey: event?.routeKey ?? '-',
    httpMethod: request.method ?? '-',
    path: (request.url ?? '/').split('?')[0] ?? '/',
    status,
    protocol: `HTTP/${request.httpVersion}`,
    'identity.sourceIp': (request.socket.remoteAddress ?? '-').replace(/^::ffff:/, ''),
    'identity.userAgent': request.headers['user-agent'] ?? '-',
    responseLength: bytes,
    responseLatency: milliseconds,
    integrationLatency: event ? milliseconds : '-',
    integrationStatus: event ? 200 : '-',
  };
}

/** @param format with `$context.*` variables; what is not known here is `-`, as API Gateway writes it */
export function formatAccess(format: string, served: Served): string {
  const values = valuesOf(served);
  return format.replace(/\$context\.([\w.]*\w)/g, (_, name: string) => JSON.stringify(String(values[name] ?? '-')).slice(1, -1));
}
