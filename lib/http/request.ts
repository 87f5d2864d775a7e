/** Reads an API Gateway event (payload 2.0) into the request that endpoints serve. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { Refusal } from '../protocol/errors.ts';
import { type Parameters, parseParameters } from '../protocol/parameters.ts';

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly path_parameters: Readonly<Record<string, string | undefined>>;
  /** As sent: API Gateway's own map joins repeated parameters with commas. */
  readonly query: string;
  header(name: string): string | undefined;
  cookie(name: string): string | undefined;
  readonly body: string;
  readonly source_ip: string;
  readonly request_id: string;
  /** Adds a field to the request's log line: an identifier or an operator's detail, never a credential. */
  note(field: 'client_id' | 'subject' | 'grant_type' | 'detail', value: string): void;
  readonly notes: Readonly<Record<string, string>>;
}

/** Decides who is let in, by what it keeps in memory. */
export interface Gate {
  /** Before a request: what has to be waited for, if anything. */
  open(): Promise<void> | undefined;
  /** @throws {Refusal} where the request is turned away */
  check(request: HttpRequest): void;
  /** After a request: what runs beside it has to end before the sandbox freezes. */
  close(): Promise<void> | undefined;
}

/** More than any request of the protocol needs, in bytes; API Gateway hands forms over in base64, which does not count. */
const longestBody = 65_536;

/**
 * @param source_ip of whoever sent it
 * @throws {Refusal} invalid_request with status 413 where the body is too large
 */
export function readRequest(event: APIGatewayProxyEventV2, source_ip: string): HttpRequest {
  const notes: Record<string, string> = {};
  const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  if (body.length > longestBody) throw new Refusal('invalid_request', 'The request body is too large.', { status: 413 });
  const { http, requestId } = event.requestContext;
  return {
    method: http.method,
    path: event.rawPath,
    path_parameters: event.pathParameters ?? {},
    query: event.rawQueryString ?? '',
    header: (name) => event.headers[name],
    cookie: (name) => readCookie(event.cookies ?? event.headers.cookie?.split(';') ?? [], name),
    body: body.toString('utf8'),
    source_ip,
    request_id: requestId,
    note: (field, value) => {
      notes[field] = value;
    },
    notes,
  };
}

/** The first cookie of a name (RFC 6265 §5.4: the one with the longest path comes first). */
export function readCookie(cookies: readonly string[], name: string): string | undefined {
  const found = cookies.map((cookie) => cookie.trim()).find((cookie) => cookie.startsWith(`${name}=`));
  return found?.slice(name.length + 1) || undefined;
}

/**
 * The parameters of a form body.
 * @throws {Refusal} invalid_request where the body is of another type (RFC 6749 §4.1.3: application/x-www-form-urlencoded)
 */
export function readForm(request: HttpRequest): Parameters {
  const type = request.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') {
    throw new Refusal('invalid_request', 'The body must be application/x-www-form-urlencoded.', {
      detail: `content-type ${type}`,
    });
  }
  return parseParameters(request.body);
}

/**
 * A JSON body that is an object.
 * @param error of the endpoint; of registration unless it says otherwise (RFC 7591 §3.2.2)
 * @throws {Refusal} with that error
 */
export function readJsonObject(
  request: HttpRequest,
  error: 'invalid_client_metadata' | 'invalid_request' = 'invalid_client_metadata',
): Record<string, unknown> {
  const type = request.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new Refusal(error, 'The body must be application/json.');
  let value: unknown;
  try {
    value = JSON.parse(request.body);
  } catch {
    throw new Refusal(error, 'The body is not valid JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal(error, 'The body must be a JSON object.');
  }
  return value as Record<string, unknown>;
}

/** The token of an `Authorization: Bearer` header (RFC 6750 §2.1), undefined where there is no such header. */
export function readBearerHeader(request: HttpRequest): string | undefined {
  return /^bearer +(\S+)$/i.exec(request.header('authorization') ?? '')?.[1];
}
