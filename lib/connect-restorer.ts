/** Opens what a restore works with: the databases as their owner, the backups, and the programs that read them. */
import { readBackupConfig, readDatabaseConfig, readDumpConfig } from './config.ts';
import { passwordOf } from './connect.ts';
import { connectOwner, now } from './connect-owner.ts';
import { openBackupStorage } from './ops/backup-storage.ts';

/** @throws {ConfigurationError} where a variable is missing or wrong */
export function connectRestorer() {
  const own = readDatabaseConfig();
  const { programs, storage } = readBackupConfig();
  return {
    ...connectOwner(),
    programs,
    storage: openBackupStorage(storage, now),
    connection: { ...own, ca_file: readDumpConfig().ca_file, password: passwordOf(own) },
    directory: 'migrations',
  };
}
