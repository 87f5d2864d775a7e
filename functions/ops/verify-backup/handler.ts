/** Lambda of the procedure verify-backup. */
import { readBackupConfig } from '../../../lib/config.ts';
import { openBackupStorage } from '../../../lib/ops/backup-storage.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { verifyBackup } from '../../../lib/ops/verify-backup.ts';

const now = () => new Date();
const { programs, storage } = readBackupConfig();

export const handler = serveProcedure(verifyBackup, { now, programs, storage: openBackupStorage(storage, now) });
