/** Lambda of the procedure backup. */
import { readBackupConfig, readDumpConfig } from '../../../lib/config.ts';
import { connectDatabase, passwordOf } from '../../../lib/connect.ts';
import { backup } from '../../../lib/ops/backup.ts';
import { openBackupStorage } from '../../../lib/ops/backup-storage.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const now = () => new Date();
const { programs, storage, stage, release } = readBackupConfig();
const where = readDumpConfig();

const connectTo = (there: typeof where) => ({
  source: connectDatabase(there),
  connection: { ...there, password: passwordOf(there) },
});

export const handler = serveProcedure(backup, {
  // The audit log is written by whom it always is: this role only reads.
  db: connectDatabase(),
  now,
  ...connectTo(where),
  beside: (host, port) => connectTo({ ...where, host, port }),
  programs,
  storage: openBackupStorage(storage, now),
  stage,
  release,
});
