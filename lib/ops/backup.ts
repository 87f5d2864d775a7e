/** Backs the database up: a dump in the bucket that has been read back, with counts and digests of its tables. */
import { MetricUnit } from '@aws-lambda-powertools/metrics';
import { procedures } from '../procedures.ts';
import { metrics } from '../telemetry.ts';
import { type BackupHead, type BackupKind, type BackupManifest, backupKinds, headOf } from './backup-manifest.ts';
import { instant, matching, ProcedureFault, wholeNumber } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';
import { type BackupTools, takeBackup } from './take-backup.ts';
import { counted } from './wording.ts';

export interface BackupInput {
  readonly kind?: BackupKind;
  /** Another server than the one that serves, which has the database as it was at an instant. */
  readonly host?: string;
  readonly port?: number;
  /** That instant, ISO 8601. */
  readonly as_of?: string;
}

/** Instances that `rewind-step` makes, by their names at RDS: nobody else is shown a password. */
const besideForm = /^(oauth2-[a-z0-9-]+-rewound-[a-z0-9]{1,24}(\.[a-z0-9-]+){2}\.rds\.amazonaws\.com(\.cn)?|127\.0\.0\.1)$/;

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
  rewound: 'of an instant that a restore goes back to; kept as long as a daily one',
};

/**
 * Takes a backup within the time of the function.
 * @throws {ProcedureFault} too_slow where it does not suffice
 * @throws {DatabaseUnavailable} where that is because the database answers no more
 */
export async function takeBackupInTime(
  tools: BackupTools,
  kind: BackupKind,
  asOf?: string,
  seconds = limitSeconds,
): Promise<BackupManifest> {
  const signal = AbortSignal.timeout(seconds * 1000);
  try {
    return await takeBackup(tools, kind, signal, asOf);
  } catch (error) {
    if (!signal.aborted) throw error;
    await tools.source.ask('does-it-answer', tools.source.sql`select`);
    throw new ProcedureFault('too_slow', `the dump took longer than ${seconds} s: its page says what to use instead`, false);
  }
}

export interface BackupProcedureTools extends Tools, BackupTools {
  /** The database of another server, as the role that reads every row. */
  beside(host: string, port: number): Pick<BackupTools, 'source' | 'connection'>;
}

/** Dumps the database that serves, or one that was made beside it. */
async function takeWanted(
  tools: BackupProcedureTools,
  { kind = 'manual', host, port, as_of }: BackupInput,
): Promise<BackupManifest> {
  if (host === undefined || port === undefined) return takeBackupInTime(tools, kind);
  const there = tools.beside(host, port);
  return takeBackupInTime({ ...tools, ...there }, kind, as_of).finally(() => there.source.end());
}

export const backup: ProcedureDefinition<BackupProcedureTools, BackupInput, null, BackupHead & Pick<BackupManifest, 'tables'>> = {
  name: 'backup',
  input: {
    kind: { accepts: (value) => (backupKinds as readonly unknown[]).includes(value), allowed: backupKinds.join(', ') },
    host: matching(besideForm, 'the address of an instance that rewind-step has made'),
    port: wholeNumber(1, 65_535),
    as_of: instant,
  },
  look: async () => null,
  plan: ({ kind = 'manual' }) => ({
    steps: [
      `dump the database into the bucket of the backups (${kind}: ${kept[kind]})`,
      'count the rows of each table and sum them up, in the same snapshot',
      'read the dump back, compare its checksum and list what is in it',
    ],
  }),
  async apply(tools, input) {
    const manifest = await takeWanted(tools, input);
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
