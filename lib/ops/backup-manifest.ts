/** What is known of a backup: its manifest beside the dump, the keys of both, and the head by which it is listed. */
import type { TableContents } from '../store/backup-contents.ts';

export const backupKinds = ['daily', 'monthly', 'manual', 'deploy', 'safety', 'rewound'] as const;
export type BackupKind = (typeof backupKinds)[number];

export interface BackupManifest {
  readonly backup_id: string;
  readonly kind: BackupKind;
  readonly stage: string;
  readonly release: string;
  /** Migration that the dump has. */
  readonly schema_version: string;
  readonly postgres_version: string;
  /** What was committed later is not in it: the instant of the snapshot, or the one to which the database was taken back before. */
  readonly taken_at: string;
  /** Of the dump. */
  readonly bytes: number;
  readonly sha256: string;
  /** That it took, until it was read back. */
  readonly seconds: number;
  /** Lines of `pg_restore --list`. */
  readonly entries: number;
  /** When it had been read back. */
  readonly verified_at: string;
  /** A partitioned table with its partitions is one. */
  readonly tables: readonly TableContents[];
}

/** A manifest without its tables. */
export type BackupHead = Omit<BackupManifest, 'tables'> & { readonly rows: number };

/** What a backup is called. */
export const backupIdForm = /^oauth2-\d{8}T\d{6}Z$/;

export function backupIdOf(takenAt: Date): string {
  return `oauth2-${takenAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

/** `2026/11/25/oauth2-20261125T020000Z`, the key without its ending. */
function stemOf(backupId: string): string {
  const [, year, month, day] = /^oauth2-(\d{4})(\d{2})(\d{2})T/.exec(backupId) ?? [];
  return `${year}/${month}/${day}/${backupId}`;
}

export const dumpKey = (backupId: string): string => `${stemOf(backupId)}.dump`;
export const manifestKey = (backupId: string): string => `${stemOf(backupId)}.json`;

/** The id in the key of a dump or a manifest; undefined for any other object of the bucket. */
export function backupIdIn(key: string): string | undefined {
  const [, id] = /^\d{4}\/\d{2}\/\d{2}\/(oauth2-\d{8}T\d{6}Z)\.(?:dump|json)$/.exec(key) ?? [];
  return id;
}

export function headOf({ tables, ...head }: BackupManifest): BackupHead {
  return { ...head, rows: tables.reduce((sum, { rows }) => sum + rows, 0) };
}
