/** The peer @node-oauth/oauth2-server behind node:http; the library has no introspection, so its model answers that. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import OAuth2Server from '@node-oauth/oauth2-server';
import postgres from 'postgres';
import { pool } from '../contenders.ts';
import { listen } from '../listen.ts';
import { createModel } from './model.ts';
import { accessTokenSeconds, readJwt, writeJwt } from './tokens.ts';

const sql = postgres(process.env.BENCH_DATABASE ?? '', { max: pool.connections, prepare: pool.prepare, fetch_types: true });
const model = createModel(
  sql,
  (client, user, scope) => (client.token_format === 'jwt' ? writeJwt(client.id, user.id, scope.join(' ')) : undefined),
  () => randomBytes(32).toString('hex'),
);
const oauth = new OAuth2Server({ model, accessTokenLifetime: accessTokenSeconds, refreshTokenLifetime: 1_209_600 });

async function readForm(request: IncomingMessage): Promise<Record<string, string>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  const fields = { 'content-type': 'application/json', 'cache-control': 'no-store', 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, { ...headers, ...fields }).end(text);
}

async function answerToken(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readForm(request);
  const answer = new OAuth2Server.Response({});
  const asked = { headers: request.headers as Record<string, string>, method: request.method ?? '', query: {}, body };
  try {
    await oauth.token(new OAuth2Server.Request(asked), answer);
  } catch {
    // The library has put the OAuth error into its response.
  }
  send(response, answer.status ?? 200, answer.body, answer.headers);
}

async function answerIntrospection(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { token = '' } = await readForm(request);
  const basic = Buffer.from((request.headers.authorization ?? '').slice('Basic '.length), 'base64').toString();
  const colon = basic.indexOf(':');
  const caller = await model.getClient(decodeURIComponent(basic.slice(0, colon)), decodeURIComponent(basic.slice(colon + 1)));
  if (!caller) return send(response, 401, { error: 'invalid_client' });
  const signed = token.includes('.');
  const claims = signed ? readJwt(token) : {};
  const stored = claims && (await model.getAccessToken(token));
  if (!stored || stored.revoked_at !== null || (stored.accessTokenExpiresAt as Date) < new Date())
    return send(response, 200, { active: false });
  const exp = Math.floor((stored.accessTokenExpiresAt as Date).getTime() / 1000);
  const facts = { active: true, client_id: stored.client.id, sub: stored.user.id, scope: stored.scope?.join(' '), exp };
  send(response, 200, { ...claims, ...facts, token_type: 'Bearer' });
}

listen(
  createServer((request, response) => {
    const answer = request.url === '/token' ? answerToken : request.url === '/introspect' ? answerIntrospection : undefined;
    if (!answer) return send(response, 404, { error: 'not found' });
    answer(request, response).catch((error: unknown) => send(response, 500, { error: String(error) }));
  }),
);
