/** Prepares this server: schema, signing keys in a Secrets Manager endpoint, client, end-user and authorization codes. */
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { openSecrets } from '../../lib/local/secrets.ts';
import type { AuthorizationCode } from '../../lib/protocol/authorization-code.ts';
import type { Client } from '../../lib/protocol/client.ts';
import { digest } from '../../lib/protocol/digest.ts';
import { generateKeyRing } from '../../lib/protocol/key-ring.ts';
import { insertAuthorizationCode } from '../../lib/store/authorization-codes.ts';
import { insertClient } from '../../lib/store/clients.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { migrate } from '../../lib/store/migrate.ts';
import { alignSigningKeys, withKeysLocked } from '../../lib/store/signing-key-administration.ts';
import { type Contender, codeChallenge, pool, redirectUri, resource, scope } from '../contenders.ts';
import { readVersion } from '../host.ts';
import type { Program } from '../programs.ts';

const credentials = { client_id: 'bench', client_secret: 'bench-secret' };

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Folder with one bundle for each function. */
  readonly bundles: string;
  /** Folder for files that live as long as the measurement. */
  readonly folder: string;
}

function makeClient(now: Date): Client {
  return {
    client_id: credentials.client_id,
    client_name: 'bench',
    client_secret_hash: digest(credentials.client_secret),
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [redirectUri],
    post_logout_redirect_uris: [],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    response_types: ['code'],
    scope: `openid offline_access ${scope}`,
    resources: [resource],
    id_token_signed_response_alg: 'ES256',
    require_pkce: true,
    trusted: true,
    dynamic: false,
    default_max_age: null,
    require_auth_time: false,
    backchannel_logout_uri: null,
    backchannel_logout_session_required: false,
    metadata: {},
    created_at: now,
    updated_at: now,
    disabled_at: null,
  };
}

/** An end-user with a session, as a sign-in leaves them. */
async function makeSession(db: Database, now: Date): Promise<{ subject: string; session_id: string }> {
  const subject = randomUUID();
  const session_id = randomUUID();
  const end = new Date(now.getTime() + 86_400_000);
  await db.sql`insert into users (subject, username, password_hash, password_changed_at) values (${subject}, 'bench', '', ${now})`;
  await db.sql`
    insert into sessions (session_hash, session_id, subject, authenticated_at, expires_at)
    values (${randomBytes(32)}, ${session_id}, ${subject}, ${now}, ${end})`;
  return { subject, session_id };
}

export async function prepareOauth2(program: Program, place: Place): Promise<Contender> {
  const { host, port, database } = place;
  const db = openDatabase({ host, port, database, user: 'oauth2_migrator', tls: false, prepare: true, connections: 4 });
  await migrate(db.sql as unknown as Parameters<typeof migrate>[0], new URL('../../migrations', import.meta.url).pathname);
  const now = new Date();
  const ring = await generateKeyRing();
  await withKeysLocked(db, (transaction) => alignSigningKeys(transaction, ring, now));
  await insertClient(db, makeClient(now));
  const { subject, session_id } = await makeSession(db, now);

  const site = { region: 'eu-central-1', account: '000000000000' };
  const secrets = await openSecrets({ file: join(place.folder, 'secrets.json'), ...site });
  const arn = `arn:aws:secretsmanager:${site.region}:${site.account}:secret:bench-signing-000000`;
  secrets.declare([{ name: 'bench-signing', arn, value: JSON.stringify(ring) }]);

  async function makeCode(): Promise<string> {
    const text = randomBytes(32).toString('base64url');
    const issued = new Date();
    const code: AuthorizationCode = {
      code_hash: digest(text),
      client_id: credentials.client_id,
      subject,
      session_id,
      family_id: randomUUID(),
      redirect_uri: redirectUri,
      redirect_uri_given: true,
      scope: `offline_access ${scope}`,
      resources: [resource],
      nonce: null,
      code_challenge: codeChallenge,
      authenticated_at: now,
      amr: ['pwd'],
      claims: null,
      issued_at: issued,
      expires_at: new Date(issued.getTime() + 600_000),
      redeemed_at: null,
    };
    await insertAuthorizationCode(db, code, digest('request'));
    return text;
  }

  return {
    name: 'ours',
    version: `this server ${readVersion('..')}`,
    program,
    environment: {
      BENCH_BUNDLES: place.bundles,
      BENCH_PRELOAD: 'token',
      OAUTH2_STAGE: 'bench',
      OAUTH2_ISSUER: 'http://127.0.0.1',
      OAUTH2_RESOURCES: resource,
      OAUTH2_CODE_SECONDS: '600',
      OAUTH2_DATABASE_HOST: host,
      OAUTH2_DATABASE_PORT: String(port),
      OAUTH2_DATABASE_NAME: database,
      OAUTH2_DATABASE_USER: 'oauth2_api',
      OAUTH2_DATABASE_TLS: 'off',
      OAUTH2_DATABASE_PREPARE: String(pool.prepare),
      OAUTH2_DATABASE_CONNECTIONS: String(pool.connections),
      OAUTH2_SIGNING_SECRET: arn,
      // Procedures that are only imported want its name.
      OAUTH2_BACKUP_BUCKET: 'backups',
      POWERTOOLS_METRICS_NAMESPACE: 'oauth2_server',
      POWERTOOLS_SERVICE_NAME: 'oauth2-bench',
      AWS_REGION: site.region,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
    },
    database,
    formats: ['jwt'],
    introspects: ['jwt'],
    paths: {
      token: '/oauth/token',
      introspect: '/oauth/introspect',
      discovery: '/.well-known/openid-configuration',
      jwks: '/.well-known/jwks.json',
    },
    credentials: () => credentials,
    parameters: () => ({ scope, resource }),
    makeCodes: (count) => Promise.all(Array.from({ length: count }, makeCode)),
    close: async () => {
      await Promise.all([db.end(), secrets.close()]);
    },
  };
}
