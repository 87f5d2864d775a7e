/** The two servers that get the same requests: ours, and oidc-provider with the same clients, scope values, resources and rules. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { errors } from 'oidc-provider';
import type { Client } from '../../lib/protocol/client.ts';
import { digest } from '../../lib/protocol/digest.ts';
import { makeTestClient, makeTestUser, type TestClient } from '../support/accounts.ts';
import { getCode, makePkce } from '../support/flow.ts';
import { startServer } from '../support/server.ts';
import { createUserAgent } from '../support/user-agent.ts';

/** The resource server that tokens may be for. */
export const api = 'https://api.example/orders';
export const redirectUri = 'https://client.example/cb';
export const allScope = 'openid profile email offline_access read write';

type ClientFields = Pick<Client, 'token_endpoint_auth_method' | 'grant_types' | 'redirect_uris'>;

const every: Client['grant_types'] = ['authorization_code', 'refresh_token', 'client_credentials'];
const redirect_uris = [redirectUri, `${redirectUri}/second`];

/** Both servers know these, with the same secrets. */
export const clients = {
  web: { token_endpoint_auth_method: 'client_secret_basic', grant_types: every, redirect_uris },
  other: { token_endpoint_auth_method: 'client_secret_basic', grant_types: every, redirect_uris },
  post: { token_endpoint_auth_method: 'client_secret_post', grant_types: every, redirect_uris },
  machine: { token_endpoint_auth_method: 'client_secret_basic', grant_types: ['client_credentials'], redirect_uris: [] },
  app: { token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], redirect_uris },
  native: {
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: ['http://127.0.0.1/cb'],
  },
} as const satisfies Record<string, ClientFields>;

export type ClientName = keyof typeof clients;

export const secretOf = (name: ClientName) => `the-secret-of-${name}-is-long-enough`;

export interface CodeOptions {
  readonly scope?: string;
  readonly resource?: string;
}

export interface Contestant {
  readonly issuer: string;
  /** Gets a code as an end-user who has signed in and consented. */
  makeCode(client: ClientName, options?: CodeOptions): Promise<{ code: string; code_verifier: string }>;
  stop(): Promise<void>;
}

export async function startOurs(): Promise<Contestant> {
  const server = await startServer({ OAUTH2_RESOURCES: api });
  const made = new Map<string, TestClient>();
  for (const [name, fields] of Object.entries<ClientFields>(clients)) {
    const isPublic = fields.token_endpoint_auth_method === 'none';
    const client_secret_hash = isPublic ? null : digest(secretOf(name as ClientName));
    const rest = { client_id: name, client_secret_hash, scope: allScope, response_types: ['code'] as const };
    made.set(name, await makeTestClient(server, { ...fields, ...rest }));
  }
  const user = await makeTestUser(server, { claims: { name: 'Test User' } });
  // Signed in once: every further code costs no password.
  const agent = createUserAgent(server);
  return {
    issuer: server.issuer,
    makeCode: async (name, { scope = allScope, resource } = {}) => {
      const flow = await getCode(server, made.get(name) as TestClient, user, { scope, resource }, agent);
      return { code: flow.code, code_verifier: flow.pkce.verifier };
    },
    stop: () => server.stop(),
  };
}

async function makeKey(alg: 'ES256' | 'RS256') {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: alg };
}

const subject = 'test-user';

/** oidc-provider at our paths, with its features that we have switched on and those that we have not switched off. */
function configure(keys: readonly unknown[]): Record<string, unknown> {
  return {
    clients: Object.entries<ClientFields>(clients).map(([name, fields]) => ({
      ...fields,
      client_id: name,
      ...(fields.token_endpoint_auth_method !== 'none' && { client_secret: secretOf(name as ClientName) }),
      ...(name === 'native' && { application_type: 'native' }),
      response_types: fields.redirect_uris.length > 0 ? ['code'] : [],
      scope: allScope,
    })),
    jwks: { keys },
    cookies: { keys: ['differential'] },
    scopes: allScope.split(' '),
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'updated_at'], email: ['email', 'email_verified'] },
    responseTypes: ['code'],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    pkce: { required: () => true },
    ttl: {
      AccessToken: 900,
      ClientCredentials: 900,
      AuthorizationCode: 60,
      Grant: 3600,
      RefreshToken: 3600,
      IdToken: 3600,
      Interaction: 600,
    },
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    findAccount: async (_context: unknown, id: string) => ({
      accountId: id,
      claims: async () => ({
        sub: id,
        name: 'Test User',
        preferred_username: id,
        updated_at: 1,
        email: 'test@example.com',
        email_verified: true,
      }),
    }),
    interactions: { url: () => '/login' },
    // Only the code is compared, not the page.
    renderError: async (context: { type: string; body: string }, out: { error: string }) => {
      context.type = 'html';
      context.body = `<title>Error</title><code>${out.error}</code>`;
    },
    routes: {
      authorization: '/oauth/authorize',
      token: '/oauth/token',
      introspection: '/oauth/introspect',
      revocation: '/oauth/revoke',
      userinfo: '/oauth/userinfo',
      jwks: '/.well-known/jwks.json',
      end_session: '/logout',
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      claimsParameter: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: async (_context: unknown, client: { clientId: string }, token: { clientId: string }) =>
          client.clientId === token.clientId,
      },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => undefined,
        useGrantedResource: async () => true,
        getResourceServerInfo: async (_context: unknown, indicator: string) => {
          if (indicator !== api) throw new errors.InvalidTarget();
          return {
            scope: 'read write',
            audience: indicator,
            accessTokenTTL: 900,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'ES256' } },
          };
        },
      },
    },
  };
}

export async function startPeer(): Promise<Contestant> {
  let serve: RequestListener | undefined;
  const http = createServer((request, response) => serve?.(request, response));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const issuer = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, configure([await makeKey('RS256'), await makeKey('ES256')]));
  serve = provider.callback();
  return {
    issuer,
    makeCode: async (name, { scope = allScope, resource } = {}) => {
      const { verifier, challenge } = makePkce();
      const grant = new provider.Grant({ accountId: subject, clientId: name });
      grant.addOIDCScope(scope);
      grant.addResourceScope(api, 'read write');
      const code = new provider.AuthorizationCode({
        accountId: subject,
        client: await provider.Client.find(name),
        grantId: await grant.save(),
        redirectUri: clients[name].redirect_uris[0],
        scope,
        resource,
        claims: {},
        codeChallenge: challenge,
        codeChallengeMethod: 'S256',
        authTime: Math.floor(Date.now() / 1000),
        expiresWithSession: false,
        gty: 'authorization_code',
      });
      return { code: await code.save(), code_verifier: verifier };
    },
    stop: async () => {
      http.closeAllConnections();
      http.close();
    },
  };
}
