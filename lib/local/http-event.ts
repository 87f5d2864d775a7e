/** Turns an HTTP request into the event of API Gateway's payload format 2.0, and a function's answer into an HTTP response. */

import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Match } from './route-match.ts';

export interface HttpEvent {
  readonly version: '2.0';
  readonly routeKey: string;
  readonly rawPath: string;
  readonly rawQueryString: string;
  readonly cookies?: string[];
  readonly headers: Record<string, string>;
  readonly queryStringParameters?: Record<string, string>;
  readonly pathParameters?: Record<string, string>;
  readonly requestContext: {
    readonly accountId: string;
    readonly apiId: string;
    readonly domainName: string;
    readonly domainPrefix: string;
    readonly http: { method: string; path: string; protocol: string; sourceIp: string; userAgent: string };
    readonly requestId: string;
    readonly routeKey: string;
    readonly stage: '$default';
    readonly time: string;
    readonly timeEpoch: number;
  };
  readonly body?: string;
  readonly isBase64Encoded: boolean;
}

/** What a function answers; an answer without `statusCode` is the body itself. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[]>;
  readonly body: Buffer;
}

const textTypes = /^(text\/|application\/(json|javascript|xml)\b|[^;]*\+(json|xml)\b)/i;

/** Header fields in lower case, repeated ones joined with a comma; cookies stand apart. */
function collectHeaders(request: IncomingMessage): { headers: Record<string, string>; cookies: string[] } {
  const headers: Record<string, string> = {};
  const cookies: string[] = [];
  const raw = request.rawHeaders;
  for (let at = 0; at < raw.length; at += 2) {
    const name = (raw[at] as string).toLowerCase();
    const value = raw[at + 1] as string;
    if (name === 'cookie') cookies.push(...value.split(';').map((cookie) => cookie.trim()));
    else if (name !== 'connection' && name !== 'keep-alive' && name !== 'transfer-encoding')
      headers[name] = Object.hasOwn(headers, name) ? `${headers[name]},${value}` : value;
  }
  return { headers, cookies: cookies.filter(Boolean) };
}

function collectQuery(query: string): Record<string, string> | undefined {
  const parameters: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query))
    parameters[name] = Object.hasOwn(parameters, name) ? `${parameters[name]},${value}` : value;
  return Object.keys(parameters).length > 0 ? parameters : undefined;
}

let lastSecond = 0;
let lastTime = '';

/** The time in the form of an access log, which the gateway repeats in its events; worked out once a second. */
function logTime(now: number): string {
  const second = Math.floor(now / 1000);
  if (second === lastSecond) return lastTime;
  const [, day, month, year, time] = new Date(now).toUTCString().match(/(\d+) (\w+) (\d+) ([\d:]+)/) as RegExpMatchArray;
  lastSecond = second;
  lastTime = `${day}/${month}/${year}:${time} +0000`;
  return lastTime;
}

export function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** The event for a matched request whose body was read. */
export function toEvent(request: IncomingMessage, body: Buffer, { route, parameters }: Match): HttpEvent {
  const { path, query } = splitTarget(request.url ?? '/');
  const { headers, cookies } = collectHeaders(request);
  const sourceIp = (request.socket.remoteAddress ?? '127.0.0.1').replace(/^::ffff:/, '');
  const domainName = headers.host ?? '127.0.0.1';
  headers['x-forwarded-for'] = headers['x-forwarded-for'] ? `${headers['x-forwarded-for']}, ${sourceIp}` : sourceIp;
  headers['x-forwarded-proto'] ??= 'http';
  headers['x-forwarded-port'] ??= String(request.socket.localPort ?? 80);
  const text = textTypes.test(headers['content-type'] ?? '') && isUtf8(body);
  const queryStringParameters = query === '' ? undefined : collectQuery(query);
  const routeKey = route.path === '$default' ? '$default' : `${route.method} ${route.path}`;
  const now = Date.now();
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: query,
    ...(cookies.length > 0 && { cookies }),
    headers,
    ...(queryStringParameters && { queryStringParameters }),
    ...(parameters && { pathParameters: parameters }),
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      domainName,
      domainPrefix: domainName.split('.')[0] as string,
      http: {
        method: request.method ?? 'GET',
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey,
      stage: '$default',
      time: logTime(now),
      timeEpoch: now,
    },
    ...(body.length > 0 && { body: body.toString(text ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !text,
  };
}

/** A plain JSON answer of the gateway itself. */
export function gatewayMessage(status: number, message: string): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify({ message })) };
}

/** What the client gets for a function's answer; one that is malformed becomes 500, as in API Gateway. */
export function toAnswer(result: unknown): HttpAnswer {
  if (typeof result !== 'object' || result === null || !('statusCode' in result)) {
    const body = typeof result === 'string' ? result : JSON.stringify(result ?? null);
    return { status: 200, headers: { 'content-type': 'application/json' }, body: Buffer.from(body) };
  }
  const { statusCode, headers = {}, cookies = [], body = '', isBase64Encoded = false } = result as Record<string, unknown>;
  const status = Number(statusCode);
  const whole = Number.isInteger(status) && status >= 200 && status <= 599;
  if (!whole || !Array.isArray(cookies) || typeof headers !== 'object') return gatewayMessage(500, 'Internal Server Error');
  const fields: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers ?? {}))
    if (!/^(connection|keep-alive|transfer-encoding|content-length|upgrade)$/i.test(name))
      fields[name.toLowerCase()] = String(value);
  fields['content-type'] ??= 'text/plain; charset=utf-8';
  if (cookies.length > 0) fields['set-cookie'] = cookies.map(String);
  const text = typeof body === 'string' ? body : JSON.stringify(body ?? '');
  return { status, headers: fields, body: Buffer.from(text, isBase64Encoded === true ? 'base64' : 'utf8') };
}
