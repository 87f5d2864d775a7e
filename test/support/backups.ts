/** A bucket for tests of backups, and programs that fail as Postgres's own may. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStorage } from '../../lib/local/s3.ts';
import { type BackupManifest, backupIdOf } from '../../lib/ops/backup-manifest.ts';
import { type BackupStorage, openBackupStorage, type StorageSettings } from '../../lib/ops/backup-storage.ts';
import type { ProgramPlace } from '../../lib/ops/postgres-programs.ts';

export interface TestBucket {
  readonly settings: StorageSettings;
  readonly storage: BackupStorage;
  /** Everything of the test, removed with the bucket. */
  readonly folder: string;
  close(): Promise<void>;
}

/** The SDK finds it by the environment, as in a function. */
export async function openBucket(now: () => Date = () => new Date()): Promise<TestBucket> {
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-bucket-'));
  const api = await openStorage(join(folder, 'buckets'));
  api.declare([{ name: 'backups' }]);
  // Not the env of node:process, which lib/config.ts may have put a copy in place of.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_S3: api.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
  const settings: StorageSettings = { bucket: 'backups', lock: 'none', monthly_days: 2557 };
  return {
    settings,
    storage: openBackupStorage(settings, now),
    folder,
    close: async () => {
      await api.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A folder with shell scripts in the place of Postgres's programs. @param scripts what each does, asked for anything but its version */
export function writePrograms(folder: string, version: string, scripts: Readonly<Record<string, string>>): ProgramPlace {
  mkdirSync(folder, { recursive: true });
  for (const [name, script] of Object.entries(scripts)) {
    const text = `#!/bin/sh\n[ "$1" = --version ] && { echo "${name} (PostgreSQL) ${version}"; exit; }\n${script}\n`;
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  return { folder, path: process.env.PATH ?? '' };
}

/** A manifest as a backup of that instant has it. */
export function manifestOf(takenAt: Date, facts: Partial<BackupManifest> = {}): BackupManifest {
  const taken_at = takenAt.toISOString();
  return {
    backup_id: backupIdOf(takenAt),
    kind: 'daily',
    stage: 'test',
    release: 'r',
    schema_version: '11',
    postgres_version: '17.6',
    taken_at,
    bytes: 4,
    sha256: 'a'.repeat(64),
    seconds: 1.5,
    entries: 200,
    verified_at: taken_at,
    tables: [{ name: 'clients', rows: 3, digest: 'b'.repeat(32) }],
    ...facts,
  };
}
