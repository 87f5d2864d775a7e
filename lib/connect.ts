/** Opens the database of a function as its configuration says: with an IAM token on AWS, measured by the telemetry. */
import { type DatabaseConfig, readCredentials, readDatabaseConfig, readEventContext } from './config.ts';
import { createDatabaseToken } from './keys/database-token.ts';
import { type Database, openDatabase } from './store/database.ts';
import { observeQuery } from './telemetry.ts';

/** What the role proves itself by, asked for with each connection; undefined where the database asks for nothing. */
export function passwordOf(config: DatabaseConfig): (() => Promise<string>) | undefined {
  if (config.authentication === 'none') return undefined;
  return createDatabaseToken({ ...config, credentials: readCredentials }, Date.now);
}

/** @param deadline_ms longest wait for one statement; default: that of requests @throws {ConfigurationError} where a variable is missing or wrong */
export function connectDatabase(config: DatabaseConfig = readDatabaseConfig(), deadline_ms?: number): Database {
  const { host, port, database, user, tls, prepare, connections } = config;
  const password = passwordOf(config);
  const settings = {
    host,
    port,
    database,
    user,
    tls,
    prepare,
    connections,
    ...(password && { password }),
    ...(deadline_ms && { deadline_ms }),
  };
  return openDatabase({ ...settings, events: readEventContext() }, observeQuery);
}
