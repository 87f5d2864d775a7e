/** Who takes part in the end-to-end scenarios: the deployment, an end-user, clients, and their browser. */
import { randomBytes } from 'node:crypto';
import { createRemoteJWKSet, customFetch, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { CreateClientInput, CreatedClient } from '../../lib/ops/create-client.ts';
import type { CreatedUser } from '../../lib/ops/create-user.ts';
import type { TestUser } from '../support/accounts.ts';
import type { Deployment } from '../support/deployment.ts';

export interface Cast {
  readonly deployment: Deployment;
  readonly user: TestUser & { readonly email: string };
  createClient(fields: CreateClientInput & Readonly<Record<string, unknown>>): Promise<CreatedClient>;
  /** Verifies a token against the published keys. */
  verify(token: string, options: JWTVerifyOptions): Promise<JWTPayload>;
}

/** Scenarios are told of the cast when they run, since it is ready only then. */
export type FindCast = () => Cast;

/** A resource server that tokens may be for. */
export const api = 'https://api.example/orders';
export const redirectUri = 'https://client.example/cb';
export const postLogoutRedirectUri = 'https://client.example/bye';

export async function assembleCast(deployment: Deployment): Promise<Cast> {
  const mark = randomBytes(6).toString('hex');
  const account = { username: `e2e-${mark}`, email: `e2e-${mark}@example.com`, password: randomBytes(18).toString('base64url') };
  const { subject } = await deployment.operate<CreatedUser>('create-user', account);
  const keys = createRemoteJWKSet(new URL(String(deployment.metadata.jwks_uri)), {
    [customFetch]: (url, init) => deployment.fetch(url, init),
  });
  return {
    deployment,
    user: { ...account, subject },
    createClient: (fields) =>
      deployment.operate<CreatedClient>('create-client', {
        client_name: `End-to-end ${mark}`,
        redirect_uris: [redirectUri],
        post_logout_redirect_uris: [postLogoutRedirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        scope: 'openid profile email offline_access read',
        resources: [api],
        ...fields,
      }),
    verify: async (token, options) => (await jwtVerify(token, keys, { issuer: deployment.issuer, ...options })).payload,
  };
}

/** The resources of a token that is for the API and for userinfo. */
export const resourcesOf = ({ issuer }: Deployment): [string, string][] => [
  ['resource', api],
  ['resource', issuer],
];
