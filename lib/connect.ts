/** Opens the database of a function as its configuration says: with an IAM token on AWS, measured by the telemetry. */
import { type DatabaseConfig, readCredentials, readDatabaseConfig, readEventContext } from './config.ts';
import { createDatabaseToken } from './keys/database-token.ts';
import { type Database, openDatabase } from './store/database.ts';
import { observeQuery } from './telemetry.ts';

/** @throws {ConfigurationError} where a variable is missing or wrong */
export function connectDatabase(config: DatabaseConfig = readDatabaseConfig()): Database {
  const { authentication, region, ...where } = config;
  const settings = { ...where, events: readEventContext() };
  if (authentication === 'none') return openDatabase(settings, observeQuery);
  const password = createDatabaseToken({ ...settings, region, credentials: readCredentials }, Date.now);
  return openDatabase({ ...settings, password }, observeQuery);
}
