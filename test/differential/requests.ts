/** Builds the requests of the cases: each is sent to whichever contestant it is handed. */
import { createHash } from 'node:crypto';
import { allScope, type ClientName, type CodeOptions, type Contestant, clients, redirectUri, secretOf } from './contestants.ts';

/** One request to both servers, after whatever has to happen before it. */
export type Send = (server: Contestant) => Promise<Response>;
export type Cases = Readonly<Record<string, Send>>;

/** A list repeats the parameter; undefined leaves it out. */
export type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

export const challenge = createHash('sha256').update('v'.repeat(43)).digest('base64url');

export function encode(form: Form): string {
  const pairs = Object.entries(form).flatMap(([name, value]) =>
    [value ?? []].flat().map((each): [string, string] => [name, each]),
  );
  return new URLSearchParams(pairs).toString();
}

/** Without a session; parameters beside those of a good request, or undefined in the place of one of them. */
export const authorize =
  (changes: Form = {}): Send =>
  ({ issuer }) => {
    const good = {
      client_id: 'web',
      redirect_uri: redirectUri,
      response_type: 'code',
      scope: 'openid read',
      state: 'xyz',
      code_challenge: challenge,
      code_challenge_method: 'S256',
    };
    const url = `${issuer}/oauth/authorize?${encode({ ...good, ...changes })}`;
    return fetch(url, { redirect: 'manual', headers: { accept: 'text/html' } });
  };

export const basic = (name: ClientName, secret = secretOf(name)) => ({
  authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`,
});

/** How a client authenticates as it is registered: a header, or members of the form. */
export function authenticated(name: ClientName): { headers: Record<string, string>; form: Form } {
  switch (clients[name].token_endpoint_auth_method) {
    case 'client_secret_basic':
      return { headers: basic(name), form: {} };
    case 'client_secret_post':
      return { headers: {}, form: { client_id: name, client_secret: secretOf(name) } };
    case 'none':
      return { headers: {}, form: { client_id: name } };
  }
}

export type FormPath = '/oauth/token' | '/oauth/introspect' | '/oauth/revoke' | '/oauth/userinfo';

export const post = (
  { issuer }: Contestant,
  path: FormPath,
  form: Form,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  fetch(issuer + path, {
    method: 'POST',
    body: encode(form),
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  });

export const postAs = (server: Contestant, name: ClientName, path: FormPath, form: Form): Promise<Response> => {
  const { headers, form: credentials } = authenticated(name);
  return post(server, path, { ...credentials, ...form }, headers);
};

/** A form for an endpoint, from a client that authenticates as registered. */
export const as =
  (name: ClientName, path: FormPath, form: Form): Send =>
  (server) =>
    postAs(server, name, path, form);

/** The exchange of a fresh code, with changes. */
export const exchange =
  (name: ClientName, options: CodeOptions = {}, changes: Form = {}, by: ClientName = name): Send =>
  async (server) => {
    const code = await server.makeCode(name, options);
    const form = { grant_type: 'authorization_code', redirect_uri: clients[name].redirect_uris[0], ...code, ...changes };
    return postAs(server, by, '/oauth/token', form);
  };

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

async function readTokens(response: Response): Promise<Tokens> {
  if (!response.ok) throw new Error(`no tokens: ${response.status} ${await response.text()}`);
  return (await response.json()) as Tokens;
}

/** Tokens of a fresh code. */
export const getTokens = async (server: Contestant, name: ClientName, options: CodeOptions = {}): Promise<Tokens> =>
  readTokens(await exchange(name, options)(server));

/** A client's own token. */
export const getClientToken = async (server: Contestant, name: ClientName): Promise<string> =>
  (await readTokens(await postAs(server, name, '/oauth/token', { grant_type: 'client_credentials', scope: 'read' })))
    .access_token;

/** A request about tokens that were just issued. */
export const withTokens =
  (
    name: ClientName,
    send: (server: Contestant, tokens: Tokens) => Promise<Response>,
    options: CodeOptions = { scope: allScope },
  ): Send =>
  async (server) =>
    send(server, await getTokens(server, name, options));
