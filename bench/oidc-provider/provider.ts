/** Configures oidc-provider for the rows: client credentials, codes with PKCE, rotated refresh tokens, signed and opaque access tokens. */
import Provider from 'oidc-provider';
import type postgres from 'postgres';
import { resource, scope, type TokenFormat } from '../contenders.ts';
import { createAdapterClass } from './adapter.ts';

/** A resource whose tokens are of that format. */
export const resourceOf = (format: TokenFormat) => (format === 'jwt' ? resource : `${resource}/opaque`);

export function createProvider(sql: postgres.Sql, keys: readonly unknown[]): Provider {
  return new Provider('http://127.0.0.1', {
    adapter: createAdapterClass(sql),
    jwks: { keys },
    scopes: ['openid', 'offline_access', 'read', 'write'],
    ttl: {
      AccessToken: 900,
      ClientCredentials: 900,
      AuthorizationCode: 600,
      Grant: 1_209_600,
      RefreshToken: 1_209_600,
      IdToken: 3600,
    },
    cookies: { keys: ['bench'] },
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    findAccount: async (_context: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    interactions: { url: () => '/interaction' },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => undefined,
        useGrantedResource: async () => true,
        getResourceServerInfo: async (_context: unknown, indicator: string) => ({
          scope,
          audience: indicator,
          accessTokenTTL: 900,
          accessTokenFormat: indicator === resource ? 'jwt' : 'opaque',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
}
