/** Lists the backups of the bucket by what their manifests say, the newest first. */
import { type BackupHead, headOf } from './backup-manifest.ts';
import type { BackupStorage } from './backup-storage.ts';
import type { Instruments, ProcedureDefinition } from './procedure.ts';

export interface BackupList {
  readonly backups: readonly BackupHead[];
  /** Those without a manifest: cut off, or not as they were written. They are no backups. */
  readonly unfinished: readonly string[];
}

/** Manifests that are read at the same time. */
const atOnce = 16;

export interface StorageTools extends Instruments {
  readonly storage: BackupStorage;
}

export const listBackups: ProcedureDefinition<StorageTools, Record<string, never>, null, BackupList> = {
  name: 'list-backups',
  input: {},
  look: async () => null,
  plan: () => ({ steps: ['list the backups'] }),
  async apply({ storage }) {
    const stored = await storage.list();
    const complete = stored.filter((one) => one.complete);
    const backups: BackupHead[] = [];
    for (let from = 0; from < complete.length; from += atOnce) {
      const manifests = await Promise.all(
        complete.slice(from, from + atOnce).map(({ backup_id }) => storage.readManifest(backup_id)),
      );
      backups.push(...manifests.filter((manifest) => manifest !== undefined).map(headOf));
    }
    return { backups, unfinished: stored.filter((one) => !one.complete).map(({ backup_id }) => backup_id) };
  },
  describe: ({ backups }) => `${backups.length} backups`,
};
