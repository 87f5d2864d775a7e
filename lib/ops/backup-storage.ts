/** The bucket of the backups: the only importer of the S3 client among the procedures, and only when it is needed. */
import type { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { Unavailable } from '../protocol/errors.ts';
import { type BackupKind, type BackupManifest, backupIdIn, dumpKey, manifestKey } from './backup-manifest.ts';
import { ProcedureFault } from './input.ts';

export interface StorageSettings {
  readonly bucket: string;
  /** Whether S3 keeps objects from being deleted; by default as long as a daily one is kept. */
  readonly lock: 'none' | 'governance' | 'compliance';
  /** Days that a monthly backup is kept. */
  readonly monthly_days: number;
}

export interface StoredBackup {
  readonly backup_id: string;
  /** Whether the manifest is there, which is written last. */
  readonly complete: boolean;
}

export type BackupCopy = 'written' | 'on its way' | 'failed';

/** As S3 says it of one object. */
const copies: Readonly<Record<string, BackupCopy>> = { COMPLETED: 'written', PENDING: 'on its way', FAILED: 'failed' };

export interface BackupStorage {
  /** Uploads in parts as the stream comes; a stream that fails leaves nothing. */
  putDump(id: string, kind: BackupKind, body: Readable, signal: AbortSignal): Promise<void>;
  putManifest(manifest: BackupManifest): Promise<void>;
  hasDump(id: string): Promise<boolean>;
  /** @throws {ProcedureFault} where it is not there, or in an archive */
  readDump(id: string): Promise<Readable>;
  /** @returns undefined where there is none of that id */
  readManifest(id: string): Promise<BackupManifest | undefined>;
  /** What became of its copy in the second region; undefined where the bucket makes none. */
  findCopy(id: string): Promise<BackupCopy | undefined>;
  /** Every backup of the bucket, the newest first. */
  list(): Promise<StoredBackup[]>;
}

/** The bucket cannot be reached or refuses; the reason is for the log. */
export class StorageUnavailable extends Unavailable {
  override name = 'StorageUnavailable';
  constructor(detail: string) {
    super('The bucket of the backups is not available.', detail);
  }
}

/** One part of an upload: with ten thousand of them a dump may have 160 GB. Three are in memory. */
const partBytes = 16 * 1024 * 1024;
const partsAtOnce = 3;

async function load() {
  const [s3, { Upload }] = await Promise.all([import('@aws-sdk/client-s3'), import('@aws-sdk/lib-storage')]);
  return { ...s3, Upload, client: new s3.S3Client({ maxAttempts: 5 }) };
}

let loaded: ReturnType<typeof load> | undefined;

/** The client with its commands, loaded once. */
export function connectStorage() {
  loaded ??= load();
  return loaded;
}

/** What S3 says of an error, by which the caller goes on. */
function toStorageError(what: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof ProcedureFault || cause instanceof Unavailable) return cause;
  const known = '$metadata' in cause || 'code' in cause || cause.name === 'TimeoutError';
  return known ? new StorageUnavailable(`${what}: ${cause.name} ${cause.message}`) : cause;
}

/** @throws {StorageUnavailable} where the bucket cannot be reached */
export async function attemptStorage<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw toStorageError(what, cause);
  }
}

export function openBackupStorage({ bucket: Bucket, lock, monthly_days }: StorageSettings, now: () => Date): BackupStorage {
  const tagging = (kind: BackupKind, content: 'dump' | 'manifest') => `kind=${kind}&content=${content}`;

  /** The bucket itself locks everything for as long as daily ones are kept. */
  const locking = (kind: BackupKind) =>
    lock === 'none' || kind !== 'monthly'
      ? {}
      : {
          ObjectLockMode: lock === 'compliance' ? ('COMPLIANCE' as const) : ('GOVERNANCE' as const),
          ObjectLockRetainUntilDate: new Date(now().getTime() + monthly_days * 86_400_000),
        };

  async function get(Key: string): Promise<GetObjectCommandOutput | undefined> {
    const { client, GetObjectCommand } = await connectStorage();
    return client.send(new GetObjectCommand({ Bucket, Key })).catch((cause: unknown) => {
      if (cause instanceof Error && cause.name === 'NoSuchKey') return undefined;
      throw cause;
    });
  }

  return {
    putDump: (id, kind, Body, signal) =>
      attemptStorage(`writing ${dumpKey(id)}`, async () => {
        const { client, Upload } = await connectStorage();
        const upload = new Upload({
          client,
          params: { Bucket, Key: dumpKey(id), Body, Tagging: tagging(kind, 'dump'), ...locking(kind) },
          partSize: partBytes,
          queueSize: partsAtOnce,
        });
        const stop = () => void upload.abort();
        signal.addEventListener('abort', stop);
        await upload.done().finally(() => signal.removeEventListener('abort', stop));
      }),
    putManifest: (manifest) =>
      attemptStorage(`writing ${manifestKey(manifest.backup_id)}`, async () => {
        const { client, PutObjectCommand } = await connectStorage();
        await client.send(
          new PutObjectCommand({
            Bucket,
            Key: manifestKey(manifest.backup_id),
            Body: `${JSON.stringify(manifest, null, 2)}\n`,
            ContentType: 'application/json',
            Tagging: tagging(manifest.kind, 'manifest'),
            ...locking(manifest.kind),
          }),
        );
      }),
    hasDump: (id) =>
      attemptStorage(`looking for ${dumpKey(id)}`, async () => {
        const { client, ListObjectsV2Command } = await connectStorage();
        const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: dumpKey(id), MaxKeys: 1 }));
        return (KeyCount ?? 0) > 0;
      }),
    readDump: (id) =>
      attemptStorage(`reading ${dumpKey(id)}`, async () => {
        const found = await get(dumpKey(id)).catch((cause: unknown) => {
          if (!(cause instanceof Error) || cause.name !== 'InvalidObjectState') throw cause;
          throw new ProcedureFault(
            'archived',
            `${id} is in Glacier Deep Archive: \`aws s3api restore-object\` brings it back within 12 to 48 hours, as its page says`,
          );
        });
        if (!found?.Body)
          throw new ProcedureFault('no_such_backup', `there is no dump of ${id}; list-backups shows those that there are`);
        return found.Body as Readable;
      }),
    readManifest: (id) =>
      attemptStorage(`reading ${manifestKey(id)}`, async () => {
        const found = await get(manifestKey(id));
        return found?.Body && (JSON.parse(await found.Body.transformToString()) as BackupManifest);
      }),
    findCopy: (id) =>
      attemptStorage(`looking for the copy of ${id}`, async () => {
        const { client, HeadObjectCommand } = await connectStorage();
        const heads = await Promise.all(
          [dumpKey(id), manifestKey(id)].map((Key) => client.send(new HeadObjectCommand({ Bucket, Key }))),
        );
        const found = heads.map(({ ReplicationStatus = '' }) => copies[ReplicationStatus]);
        return (['failed', 'on its way', 'written'] as const).find((one) => found.includes(one));
      }),
    list: () =>
      attemptStorage('listing backups', async () => {
        const { client, paginateListObjectsV2 } = await connectStorage();
        const complete = new Map<string, boolean>();
        // Keys begin with the year.
        for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, Prefix: '2' }))
          for (const { Key = '' } of Contents) {
            const id = backupIdIn(Key);
            if (id !== undefined) complete.set(id, complete.get(id) === true || Key.endsWith('.json'));
          }
        return [...complete]
          .map(([backup_id, whole]) => ({ backup_id, complete: whole }))
          .toSorted((a, b) => (a.backup_id < b.backup_id ? 1 : -1));
      }),
  };
}
