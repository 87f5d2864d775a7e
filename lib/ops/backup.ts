/** Backs the database up: a dump in the bucket that has been read back, with counts and digests of its tables. */
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { procedures } from '../procedures.ts';
import { metrics } from '../telemetry.ts';
import { type BackupHead, type BackupKind, type BackupManifest, backupKinds, headOf } from './backup-manifest.ts';
import { ProcedureFault } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { type BackupTools, takeBackup } from './take-backup.ts';
import { counted } from './wording.ts';

export interface BackupInput {
  readonly kind?: BackupKind;
}

/** Seconds before the end of the function at which a dump is given up, so that somebody is told. */
const reserveSeconds = 20;
/** From here on a dump comes too near to the end of the function. */
export const slowSeconds = 600;

const limitSeconds = procedures.backup.seconds - reserveSeconds;

const kept: Readonly<Record<BackupKind, string>> = {
  daily: 'kept as long as every daily one',
  monthly: 'kept for years, in the archive',
  manual: 'kept as long as a daily one',
  deploy: 'before a deploy that changes the schema; kept as long as a daily one',
  safety: 'before a restore; kept as long as a daily one',
};

/** Takes a backup within the time of the function. @throws {ProcedureFault} too_slow where it does not suffice */
export async function takeBackupInTime(tools: BackupTools, kind: BackupKind): Promise<BackupManifest> {
  const signal = AbortSignal.timeout(limitSeconds * 1000);
  try {
    return await takeBackup(tools, kind, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new ProcedureFault('too_slow', `the dump took longer than ${limitSeconds} s: its page says what to use instead`, false);
  }
}

export const backup: ProcedureDefinition<Tools & BackupTools, BackupInput, null, BackupHead & Pick<BackupManifest, 'tables'>> = {
  name: 'backup',
  input: {
    kind: { accepts: (value) => (backupKinds as readonly unknown[]).includes(value), allowed: backupKinds.join(', ') },
  },
  look: async () => null,
  plan: ({ kind = 'manual' }) => ({
    steps: [
      `dump the database into the bucket of the backups (${kind}: ${kept[kind]})`,
      'count the rows of each table and sum them up, in the same snapshot',
      'read the dump back, compare its checksum and list what is in it',
    ],
  }),
  async apply(tools, { kind = 'manual' }) {
    const manifest = await takeBackupInTime(tools, kind);
    metrics.addMetric('backup_bytes', MetricUnit.Bytes, manifest.bytes);
    metrics.addMetric('backup_duration_seconds', MetricUnit.Seconds, manifest.seconds);
    return { ...headOf(manifest), tables: manifest.tables };
  },
  describe: ({ backup_id, kind, bytes, seconds, tables }) =>
    `${backup_id} (${kind}), ${bytes} bytes in ${seconds} s, ${counted(tables.length, 'table')}, read back`,
  next: ({ backup_id, seconds }) => [
    ...(seconds > slowSeconds
      ? [`it took more than ${slowSeconds} s of ${limitSeconds}: the page says what to use instead`]
      : []),
    'oauth2ctl list-backups',
    `oauth2ctl verify-backup ${backup_id}`,
  ],
};
