/** The requests that nearly every endpoint test makes, and what every refusal must look like. */
import assert from 'node:assert/strict';
import type { TestClient } from './accounts.ts';
import { postForm, type TokenAnswer } from './flow.ts';
import type { TestServer } from './server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed where the answer is JSON, otherwise empty. */
  readonly body: Record<string, unknown>;
}

/** Sends anything and follows no redirect. */
export async function send(server: TestServer, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(server.url(path), { redirect: 'manual', ...init });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true && text !== '';
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : {} };
}

export function sendJson(
  server: TestServer,
  path: string,
  method: 'POST' | 'PUT',
  value: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return send(server, path, { method, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) });
}

export const refreshWith = (
  server: TestServer,
  client: TestClient,
  refresh_token: string,
  more: Record<string, string> = {},
): Promise<TokenAnswer> => postForm(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token, ...more }, client);

export const introspect = async (server: TestServer, client: TestClient, token: string): Promise<Record<string, unknown>> => {
  const answer = await postForm(server, '/oauth/introspect', { token }, client);
  assert.equal(answer.status, 200);
  return answer.body;
};

export const revoke = (server: TestServer, client: TestClient, token: string): Promise<TokenAnswer> =>
  postForm(server, '/oauth/revoke', { token }, client);

export const userinfo = (server: TestServer, token: string): Promise<Answer> =>
  send(server, '/oauth/userinfo', { headers: { authorization: `Bearer ${token}` } });

/** Asserts that neither words of the runtime nor of the database reached the client. */
export function assertDiscreet(text: string): void {
  assert.doesNotMatch(
    text.replace(/<style>.*<\/style>/gs, ''),
    /\bat .+:\d+:\d+|node_modules|PostgresError|\bselect\b|\bECONN|relation "|\.ts\b/i,
  );
}

/** Asserts a refusal in JSON with its status, its code, and what RFC 6749 §5.2 asks of every one. */
export function assertRefused(
  answer: { status: number; headers: Headers; body: Record<string, unknown> },
  status: number,
  error: string,
): void {
  assert.deepEqual({ status: answer.status, error: answer.body.error }, { status, error });
  assert.match(String(answer.body.error_description), /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  assertDiscreet(JSON.stringify(answer.body));
}
