/** Prepares oidc-provider: its table, a client kept by the adapter, authorization codes with a grant each. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { exportJWK, generateKeyPair } from 'jose';
import postgres from 'postgres';
import { type Contender, codeChallenge, redirectUri, scope } from '../contenders.ts';
import { readVersion } from '../host.ts';
import type { Program } from '../programs.ts';
import { createAdapterClass } from './adapter.ts';
import { createProvider, resourceOf } from './provider.ts';

const credentials = { client_id: 'bench', client_secret: 'bench-secret' };

async function makeKey(alg: 'ES256' | 'RS256') {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg, kid: randomUUID(), use: 'sig' };
}

export async function prepareOidcProvider(program: Program, database: string, url: string): Promise<Contender> {
  const sql = postgres(url, { max: 4, fetch_types: false, onnotice: () => {} });
  await sql.unsafe(await readFile(new URL('schema.sql', import.meta.url), 'utf8'));
  const Adapter = createAdapterClass(sql);
  await new Adapter('Client').upsert('bench', {
    ...credentials,
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    scope: `openid offline_access ${scope}`,
  });
  const keys = [await makeKey('ES256'), await makeKey('RS256')];
  const provider = createProvider(sql, keys);
  const client = await provider.Client.find('bench');
  const resourceIndicator = resourceOf('jwt');

  async function makeCode(): Promise<string> {
    const owner = { accountId: 'bench-user', clientId: 'bench' };
    const grant = new provider.Grant(owner);
    grant.addResourceScope(resourceIndicator, scope);
    const code = new provider.AuthorizationCode({
      accountId: 'bench-user',
      client,
      grantId: await grant.save(),
      redirectUri,
      scope,
      resource: resourceIndicator,
      codeChallenge,
      codeChallengeMethod: 'S256',
      authTime: Math.floor(Date.now() / 1000),
      expiresWithSession: false,
      gty: 'authorization_code',
    });
    return code.save();
  }

  return {
    name: 'oidc-provider',
    version: `oidc-provider ${readVersion('oidc-provider')}`,
    program,
    environment: { BENCH_DATABASE: url, BENCH_SIGNING_KEYS: JSON.stringify(keys) },
    database,
    formats: ['jwt', 'opaque'],
    // It keeps no record of its signed tokens and so has nothing to say about them.
    introspects: ['opaque'],
    paths: {
      token: '/token',
      introspect: '/token/introspection',
      discovery: '/.well-known/openid-configuration',
      jwks: '/jwks',
    },
    credentials: () => credentials,
    parameters: (format) => ({ scope, resource: resourceOf(format) }),
    makeCodes: (count) => Promise.all(Array.from({ length: count }, makeCode)),
    close: () => sql.end(),
  };
}
