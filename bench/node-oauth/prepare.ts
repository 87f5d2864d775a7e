/** Prepares @node-oauth/oauth2-server: its tables, one client for each token format, authorization codes. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { exportJWK, generateKeyPair } from 'jose';
import postgres from 'postgres';
import { type Contender, codeChallenge, redirectUri, scope, type TokenFormat } from '../contenders.ts';
import { readVersion } from '../host.ts';
import type { Program } from '../programs.ts';
import { createModel, digest } from './model.ts';

const secret = 'bench-secret';
const grants = ['authorization_code', 'refresh_token', 'client_credentials'];

export async function prepareNodeOauth(program: Program, database: string, url: string): Promise<Contender> {
  const sql = postgres(url, { max: 4, onnotice: () => {} });
  await sql.unsafe(await readFile(new URL('schema.sql', import.meta.url), 'utf8'));
  const formats: TokenFormat[] = ['jwt', 'opaque'];
  for (const format of formats)
    await sql`insert into clients values (${`bench-${format}`}, ${digest(secret)}, ${grants}, ${[redirectUri]}, ${format})`;
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const key = { ...(await exportJWK(privateKey)), kid: randomUUID() };
  const model = createModel(
    sql,
    () => undefined,
    () => '',
  );
  return {
    name: 'node-oauth',
    version: `@node-oauth/oauth2-server ${readVersion('@node-oauth/oauth2-server')}`,
    program,
    environment: { BENCH_DATABASE: url, BENCH_SIGNING_KEY: JSON.stringify(key) },
    database,
    formats,
    introspects: formats,
    paths: { token: '/token', introspect: '/introspect', discovery: undefined, jwks: undefined },
    credentials: (format) => ({ client_id: `bench-${format}`, client_secret: secret }),
    parameters: () => ({ scope }),
    makeCodes: (count) =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const code = {
            authorizationCode: randomBytes(32).toString('base64url'),
            expiresAt: new Date(Date.now() + 600_000),
            redirectUri,
            scope: scope.split(' '),
            codeChallenge,
            codeChallengeMethod: 'S256',
          };
          await model.saveAuthorizationCode(code, { id: 'bench-jwt', grants: [] }, { id: 'bench-user' });
          return code.authorizationCode;
        }),
      ),
    close: () => sql.end(),
  };
}
