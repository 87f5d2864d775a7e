/** Reads a backup from the bucket and sees that it is what was written: its checksum, its length, and the list of what is in it. */
import { procedures } from '../procedures.ts';
import { type BackupManifest, backupIdForm } from './backup-manifest.ts';
import type { BackupCopy } from './backup-storage.ts';
import { matching, ProcedureFault } from './input.ts';
import type { StorageTools } from './list-backups.ts';
import { checkProgram, type ProgramPlace } from './postgres-programs.ts';
import type { ProcedureDefinition } from './procedure.ts';
import { majorOf, type ReadBack, readBack } from './take-backup.ts';

export interface VerifyBackupTools extends StorageTools {
  readonly programs: ProgramPlace;
}

export interface VerifyBackupInput {
  /** Default: the newest. */
  readonly backup_id?: string;
}

export interface VerifiedBackup extends ReadBack {
  readonly backup_id: string;
  readonly taken_at: string;
  readonly tables: number;
  readonly rows: number;
  readonly seconds: number;
  /** In the second region; null where the bucket makes no copies. */
  readonly copy: BackupCopy | null;
}

/** Reads it whole. @throws {ProcedureFault} where it is not what was written */
export async function readAsWritten(
  { programs, storage }: Pick<VerifyBackupTools, 'programs' | 'storage'>,
  manifest: BackupManifest,
  signal: AbortSignal,
): Promise<ReadBack> {
  const id = manifest.backup_id;
  await checkProgram(programs, 'pg_restore', majorOf(manifest.postgres_version));
  const found = await readBack({ programs, storage }, id, signal);
  const differing = (['bytes', 'sha256', 'entries'] as const).filter((fact) => found[fact] !== manifest[fact]);
  if (differing.length > 0) {
    const told = differing.map((fact) => `${fact} is ${found[fact]} and was ${manifest[fact]}`).join(', ');
    throw new ProcedureFault('backup_damaged', `${id} is not what was written: ${told}. Take another one now`, false);
  }
  return found;
}

const limitSeconds = procedures['verify-backup'].seconds - 20;

export const verifyBackup: ProcedureDefinition<VerifyBackupTools, VerifyBackupInput, null, VerifiedBackup> = {
  name: 'verify-backup',
  input: { backup_id: matching(backupIdForm, 'the id of a backup, as list-backups shows it') },
  look: async () => null,
  plan: () => ({ steps: ['read a backup from the bucket'] }),
  async apply({ storage, programs }, { backup_id }) {
    const started = performance.now();
    const id = backup_id ?? (await storage.list()).find(({ complete }) => complete)?.backup_id;
    if (id === undefined) throw new ProcedureFault('no_such_backup', 'there is no backup yet; backup takes one');
    const manifest = await storage.readManifest(id);
    if (!manifest)
      throw new ProcedureFault(
        'no_such_backup',
        `${id} has no manifest, so it was never finished; list-backups shows those that were`,
      );
    const found = await readAsWritten({ programs, storage }, manifest, AbortSignal.timeout(limitSeconds * 1000));
    const { taken_at, tables } = manifest;
    const rows = tables.reduce((sum, one) => sum + one.rows, 0);
    return {
      backup_id: id,
      taken_at,
      ...found,
      tables: tables.length,
      rows,
      seconds: Math.round(performance.now() - started) / 1000,
      copy: (await storage.findCopy(id)) ?? null,
    };
  },
  describe: ({ backup_id, bytes, entries }) => `${backup_id} is as it was written: ${bytes} bytes, ${entries} entries`,
  next: ({ backup_id, copy }) => [
    ...(copy === 'failed' ? ['S3 could not write its copy into the second region: the page backup says what to do'] : []),
    `oauth2ctl restore-drill --backup ${backup_id} shows that it can be restored`,
  ],
};
