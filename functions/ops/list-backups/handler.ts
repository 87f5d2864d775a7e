/** Lambda of the procedure list-backups. */
import { readBackupConfig } from '../../../lib/config.ts';
import { openBackupStorage } from '../../../lib/ops/backup-storage.ts';
import { listBackups } from '../../../lib/ops/list-backups.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

const now = () => new Date();

export const handler = serveProcedure(listBackups, { now, storage: openBackupStorage(readBackupConfig().storage, now) });
