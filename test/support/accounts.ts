/** Makes clients and end-users for endpoint tests. */
import { randomBytes } from 'node:crypto';
import type { Client } from '../../lib/protocol/client.ts';
import { digest } from '../../lib/protocol/digest.ts';
import { hashPassword } from '../../lib/protocol/password.ts';
import { insertClient } from '../../lib/store/clients.ts';
import type { TestServer } from './server.ts';

export interface TestClient extends Client {
  readonly client_secret: string;
  /** Value of an `Authorization: Basic` header. */
  readonly basic: string;
}

/** Registers a confidential client with every grant type, unless the fields say otherwise. */
export async function makeTestClient(server: TestServer, fields: Partial<Client> = {}): Promise<TestClient> {
  const client_secret = randomBytes(32).toString('base64url');
  const now = new Date();
  const isPublic = fields.token_endpoint_auth_method === 'none';
  const client: Client = {
    client_id: `client-${randomBytes(8).toString('hex')}`,
    client_name: 'Test client',
    client_secret_hash: isPublic ? null : digest(client_secret),
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: ['https://client.example/cb'],
    post_logout_redirect_uris: ['https://client.example/bye'],
    backchannel_logout_uri: null,
    backchannel_logout_session_required: false,
    grant_types: isPublic
      ? ['authorization_code', 'refresh_token']
      : ['authorization_code', 'refresh_token', 'client_credentials'],
    response_types: ['code'],
    scope: 'openid profile email offline_access read write',
    resources: [],
    id_token_signed_response_alg: 'RS256',
    require_pkce: true,
    trusted: true,
    dynamic: false,
    default_max_age: null,
    require_auth_time: false,
    metadata: {},
    created_at: now,
    updated_at: now,
    disabled_at: null,
    ...fields,
  };
  await insertClient(server.db, client);
  return { ...client, client_secret, basic: `Basic ${Buffer.from(`${client.client_id}:${client_secret}`).toString('base64')}` };
}

export interface TestUser {
  readonly subject: string;
  readonly username: string;
  readonly password: string;
}

/** Fast to hash: the cost of the real parameters is not what these tests are about. */
let hash: Promise<string> | undefined;
const password = 'correct horse battery staple';

export async function makeTestUser(
  server: TestServer,
  fields: { username?: string; email?: string; claims?: object } = {},
): Promise<TestUser> {
  const username = fields.username ?? `user-${randomBytes(6).toString('hex')}`;
  hash ??= hashPassword(password, randomBytes(16));
  const [row] = await server.db.sql<{ subject: string }[]>`
    insert into users (username, email, email_verified, password_hash, claims)
    values (${username}, ${fields.email ?? `${username}@example.com`}, true, ${await hash}, ${server.db.sql.json((fields.claims ?? { name: 'Test User' }) as never)})
    returning subject`;
  return { subject: row?.subject ?? '', username, password };
}
