/** Runs every HTTP endpoint in this process over real HTTP, a real Postgres and a real Secrets Manager API: the harness of the endpoint tests. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Context } from 'aws-lambda';
import { writeKeyRing } from '../../lib/keys/vault.ts';
import { createGateway } from '../../lib/local/gateway.ts';
import { openSecrets } from '../../lib/local/secrets.ts';
import { generateKeyRing, type PrivateKeyRing } from '../../lib/protocol/key-ring.ts';
import { pathsOf, type Route, routes } from '../../lib/routes.ts';
import { type Database, openDatabase } from '../../lib/store/database.ts';
import { recordKeyRing } from './keys.ts';
import { captureOutput, type Output } from './output.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';

export interface TestServer {
  readonly issuer: string;
  readonly database: TestDatabase;
  /** A connection as the owner of the schema, to arrange and to look. */
  readonly db: Database;
  readonly ring: PrivateKeyRing;
  /** What the functions wrote: log lines and metrics. */
  readonly output: Output;
  url(path: string): string;
  stop(): Promise<void>;
}

const secretName = 'oauth2/test/signing-keys';

/** The part of Lambda's context that middy and powertools look at. */
const context = {
  functionName: 'test',
  callbackWaitsForEmptyEventLoop: false,
  getRemainingTimeInMillis: () => 10_000,
} as unknown as Context;

/**
 * Starts the server. A test file may start one: the functions read their environment when they are imported.
 * @param settings OAUTH2_* variables beside the defaults
 */
export async function startServer(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const database = await testDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-server-'));
  const secrets = await openSecrets({ file: join(folder, 'secrets.json'), region: 'eu-central-1', account: '000000000000' });
  const arn = `arn:aws:secretsmanager:eu-central-1:000000000000:secret:${secretName}-AbCdEf`;
  secrets.declare([{ name: secretName, arn }]);

  const handlers = new Map<string, (event: unknown, context: Context) => Promise<unknown>>();
  const gateway = createGateway({
    routes: [],
    invoke: async (name, event) => {
      const handler = handlers.get(name);
      if (!handler) throw new Error(`no handler ${name}`);
      return handler(event, context);
    },
  });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  const origin = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  const issuer = settings.OAUTH2_ISSUER ?? origin;
  const issuerPath = new URL(issuer).pathname.replace(/\/$/, '');

  // The environment as it is now: configuration that was read before put a copy in its place.
  Object.assign(process.env, {
    OAUTH2_STAGE: 'test',
    OAUTH2_ISSUER: issuer,
    OAUTH2_VERSION: '0.0.0-test',
    OAUTH2_SCHEMA_VERSION: '1',
    OAUTH2_DATABASE_HOST: database.host,
    OAUTH2_DATABASE_PORT: String(database.port),
    OAUTH2_DATABASE_NAME: database.name,
    OAUTH2_DATABASE_USER: 'oauth2_api',
    OAUTH2_DATABASE_TLS: 'off',
    OAUTH2_DATABASE_PREPARE: 'true',
    // Requests that race in this process shall race in the database.
    OAUTH2_DATABASE_CONNECTIONS: '8',
    OAUTH2_SIGNING_SECRET: arn,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    POWERTOOLS_METRICS_NAMESPACE: 'oauth2_server',
    POWERTOOLS_SERVICE_NAME: 'oauth2-test',
    ...settings,
  });

  const db = openDatabase({
    host: database.host,
    port: database.port,
    database: database.name,
    user: 'oauth2_migrator',
    tls: false,
    prepare: true,
    connections: 4,
  });
  const ring = await generateKeyRing();
  await writeKeyRing(arn, ring);
  await recordKeyRing(db, ring);

  const output = captureOutput();
  for (const name of Object.keys(routes)) {
    const module = (await import(`../../functions/http/${name}/handler.ts`)) as {
      handler: (event: unknown, context: Context) => Promise<unknown>;
    };
    handlers.set(name, module.handler);
  }
  const table = Object.entries<Route>(routes);
  gateway.setRoutes(
    table.flatMap(([name, route]) => pathsOf(route, issuerPath).map((path) => ({ method: 'ANY', path, function: name }))),
  );

  return {
    issuer,
    database,
    db,
    ring,
    output,
    url: (path) => origin + path,
    stop: async () => {
      gateway.closeAllConnections();
      gateway.close();
      await secrets.close();
      await db.end();
      await database.drop();
      output.restore();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
