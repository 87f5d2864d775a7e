/** The bucket of the backups: encrypted by a key of its own, kept from deletion, emptied by age, and who may read it or add to it. */
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type LifecycleRule,
  ObjectLockRetention,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { ProcedureNeed } from '../procedures.ts';
import type { Backups } from '../stages.ts';
import { acknowledgeAccessLog, acknowledgeObjects } from './acknowledgements.ts';
import { type CopyPlace, placeOfCopies, replicate } from './backup-copies.ts';
import type { CheckedStage } from './read-stage.ts';

/** With a day for every fourth year. */
export const daysOf = (years: number): number => Math.ceil(years * 365.25);

/** Days that versions stay which were replaced or deleted. */
const formerDays = 7;

/** What leaves by itself, by the tags that a backup gets with its upload. */
export function lifecycleRules({ daily_days, monthly_years }: Backups): LifecycleRule[] {
  return [
    // A dump that was cut off, and versions that are no longer the current one.
    {
      id: 'leftovers',
      abortIncompleteMultipartUploadAfter: Duration.days(1),
      noncurrentVersionExpiration: Duration.days(formerDays),
      expiredObjectDeleteMarker: true,
    },
    ...['daily', 'manual', 'deploy', 'safety', 'rewound'].map((kind) => ({
      id: kind,
      tagFilters: { kind },
      expiration: Duration.days(daily_days),
    })),
    // As long as a backup can be restored: what was disabled since stays so.
    { id: 'trail', prefix: 'trail/', expiration: Duration.days(daysOf(monthly_years)) },
    { id: 'monthly', tagFilters: { kind: 'monthly' }, expiration: Duration.days(daysOf(monthly_years)) },
    {
      // Not the manifests, by which they are listed.
      id: 'archive',
      tagFilters: { kind: 'monthly', content: 'dump' },
      transitions: [{ storageClass: StorageClass.DEEP_ARCHIVE, transitionAfter: Duration.days(1) }],
    },
  ];
}

export interface BucketOptions {
  readonly stage: CheckedStage;
  readonly bucketName: string;
  readonly encryptionKey: Key;
}

export function createBackupBucket(scope: Construct, { stage, bucketName, encryptionKey }: BucketOptions): Bucket {
  const { backups } = stage;
  const days = Duration.days(backups.daily_days);
  const bucket = new Bucket(scope, 'backups', {
    bucketName,
    encryption: BucketEncryption.KMS,
    encryptionKey: encryptionKey as IKey,
    bucketKeyEnabled: true,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: true,
    ...(backups.lock !== 'none' && {
      objectLockEnabled: true,
      objectLockDefaultRetention:
        backups.lock === 'compliance' ? ObjectLockRetention.compliance(days) : ObjectLockRetention.governance(days),
    }),
    lifecycleRules: lifecycleRules(backups),
    removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
  });
  acknowledgeAccessLog(bucket);
  return bucket;
}

export class BackupStack extends Stack {
  readonly bucket: Bucket;
  readonly #key: Key;
  readonly #backups: Backups;
  /** Where the copies are, in a stage that has them. */
  readonly copies: CopyPlace | undefined;

  constructor(scope: Construct, id: string, { stage, ...props }: StackProps & { stage: CheckedStage }) {
    super(scope, id, props);
    this.#backups = stage.backups;
    this.#key = new Key(this, 'backups-key', {
      description: `oauth2 ${stage.name}: encrypts the backups of the database`,
      enableKeyRotation: true,
      removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    this.bucket = createBackupBucket(this, {
      stage,
      bucketName: `oauth2-${stage.name}-backups-${this.account}-${this.region}`,
      encryptionKey: this.#key,
    });
    this.copies = placeOfCopies(stage);
    if (this.copies) replicate(this.bucket, this.#key, this.copies);
  }

  /** To add to the trail of events, and to read or replace no backup. */
  #admitTrail(role: Role): Record<string, string> {
    const resources = [this.bucket.arnForObjects('trail/*')];
    role.addToPolicy(new PolicyStatement({ actions: ['s3:PutObject'], resources }));
    role.addToPolicy(
      new PolicyStatement({
        actions: ['kms:GenerateDataKey'],
        resources: [this.#key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `s3.${this.region}.amazonaws.com` } },
      }),
    );
    acknowledgeObjects(role, this.bucket, 'trail/*');
    return { OAUTH2_BACKUP_BUCKET: this.bucket.bucketName };
  }

  /** Grants a function what its needs say and returns the variables by which it finds the bucket. */
  admit(role: Role, needs: readonly ProcedureNeed[]): Record<string, string> {
    if (needs.includes('trail-write')) return this.#admitTrail(role);
    const writes = needs.includes('backups-write');
    if (!writes && !needs.includes('backups')) return {};
    const { lock, monthly_years } = this.#backups;
    // Keys of backups begin with the year.
    const objects = this.bucket.arnForObjects('2*');
    const writing = [
      's3:PutObject',
      's3:PutObjectTagging',
      's3:AbortMultipartUpload',
      ...(lock === 'none' ? [] : ['s3:PutObjectRetention']),
    ];
    role.addToPolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.bucket.bucketArn] }));
    role.addToPolicy(new PolicyStatement({ actions: ['s3:GetObject', ...(writes ? writing : [])], resources: [objects] }));
    role.addToPolicy(
      new PolicyStatement({
        actions: writes ? ['kms:Decrypt', 'kms:GenerateDataKey'] : ['kms:Decrypt'],
        resources: [this.#key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `s3.${this.region}.amazonaws.com` } },
      }),
    );
    acknowledgeObjects(role, this.bucket, '2*');
    if (needs.includes('trail')) {
      role.addToPolicy(new PolicyStatement({ actions: ['s3:GetObject'], resources: [this.bucket.arnForObjects('trail/*')] }));
      acknowledgeObjects(role, this.bucket, 'trail/*');
    }
    return {
      OAUTH2_BACKUP_BUCKET: this.bucket.bucketName,
      OAUTH2_BACKUP_LOCK: lock,
      OAUTH2_BACKUP_MONTHLY_DAYS: String(daysOf(monthly_years)),
    };
  }
}
