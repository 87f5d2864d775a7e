/** Opens any database of the server as the role that owns them: for restores, which make databases and change their names. */
import { readDatabaseConfig } from './config.ts';
import { connectDatabase } from './connect.ts';
import type { Database } from './store/database.ts';

/** Longest wait for one statement of a restore, in milliseconds: a digest of a large table takes minutes. */
const deadlineMs = 800_000;

export const now = () => new Date();

/** @throws {ConfigurationError} where a variable is missing or wrong */
export function connectOwner() {
  const own = readDatabaseConfig();
  const open = (database: string): Database => connectDatabase({ ...own, database, connections: 1 }, deadlineMs);
  return { open, live: own.database, db: connectDatabase(own), now };
}
