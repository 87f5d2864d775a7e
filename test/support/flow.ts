/** Walks through the authorization code flow as a client with a browser does. */
import { createHash, randomBytes } from 'node:crypto';
import type { TestClient, TestUser } from './accounts.ts';
import type { TestServer } from './server.ts';
import { createUserAgent, type Page, type UserAgent } from './user-agent.ts';

export interface Pkce {
  readonly verifier: string;
  readonly challenge: string;
}

export function makePkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** The URL of an authorization request; a parameter set to undefined is left out. */
export function authorizeUrl(client: TestClient, pkce: Pkce, parameters: Record<string, string | undefined> = {}): string {
  const all = {
    client_id: client.client_id,
    redirect_uri: client.redirect_uris[0],
    response_type: 'code',
    scope: 'openid read',
    state: 'xyz',
    code_challenge: pkce.challenge,
    code_challenge_method: 'S256',
    ...parameters,
  };
  const present = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `/oauth/authorize?${new URLSearchParams(present)}`;
}

/** Signs in where asked, allows where asked, and returns the redirect to the client. */
export async function walk(agent: UserAgent, url: string, user: TestUser): Promise<URL> {
  let page: Page = await agent.follow(await agent.get(url));
  if (page.text.includes('id="login-submit"')) {
    page = await agent.follow(await agent.submit(page, { username: user.username, password: user.password }));
  }
  if (page.text.includes('id="consent-allow"')) page = await agent.follow(await agent.submit(page, { decision: 'allow' }));
  if (page.location === undefined) throw new Error(`no redirect to the client but ${page.status}: ${page.text.slice(0, 2000)}`);
  return new URL(page.location);
}

export interface TokenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { access_token: string; refresh_token: string; id_token: string; error?: string };
}

/** Sends a form to an endpoint, authenticated as the client registered. */
export async function postForm(
  server: TestServer,
  path: string,
  form: Record<string, string>,
  client?: TestClient,
  headers: Record<string, string> = {},
): Promise<TokenAnswer> {
  const isPublic = client?.token_endpoint_auth_method === 'none';
  const body = new URLSearchParams({ ...form, ...(isPublic && { client_id: client.client_id }) });
  const response = await fetch(server.url(path), {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(client && !isPublic && { authorization: client.basic }),
      ...headers,
    },
    body: body.toString(),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
}

export interface Flow {
  readonly agent: UserAgent;
  readonly pkce: Pkce;
  readonly code: string;
}

/** Gets a code for a user who signs in. */
export async function getCode(
  server: TestServer,
  client: TestClient,
  user: TestUser,
  parameters: Record<string, string | undefined> = {},
  agent: UserAgent = createUserAgent(server),
): Promise<Flow> {
  const pkce = makePkce();
  const back = await walk(agent, authorizeUrl(client, pkce, parameters), user);
  const code = back.searchParams.get('code');
  if (code === null) throw new Error(`no code: ${back.href}`);
  return { agent, pkce, code };
}

/** The form of a code exchange. */
export function exchangeForm(client: TestClient, flow: Flow): Record<string, string> {
  return {
    grant_type: 'authorization_code',
    code: flow.code,
    code_verifier: flow.pkce.verifier,
    redirect_uri: client.redirect_uris[0] ?? '',
  };
}

/** The whole flow: a token answer of the client for the user. */
export async function getTokens(
  server: TestServer,
  client: TestClient,
  user: TestUser,
  parameters: Record<string, string | undefined> = {},
): Promise<TokenAnswer & Flow> {
  const flow = await getCode(server, client, user, parameters);
  return { ...flow, ...(await postForm(server, '/oauth/token', exchangeForm(client, flow), client)) };
}
