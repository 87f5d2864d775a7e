/** Copies of the backups in a second region: their place, which the bucket knows by its name alone, and what may write there. */
import { Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Bucket, CfnBucket } from 'aws-cdk-lib/aws-s3';
import { acknowledgeReplication } from './acknowledgements.ts';
import type { CheckedStage } from './read-stage.ts';

/** A stack cannot import from another region, so names that are known before take the place of references. */
export interface CopyPlace {
  readonly region: string;
  readonly account: string;
  readonly bucket: string;
  /** Alias of the key that encrypts the copies. */
  readonly alias: string;
}

/** Name of the only rule of replication, which CloudWatch measures it by. */
export const ruleOfCopies = 'copies';

/** @returns undefined where the stage wants none */
export function placeOfCopies({ name, account, backups: { copy_region: region } }: CheckedStage): CopyPlace | undefined {
  if (region === undefined || account === undefined) return undefined;
  return { region, account, bucket: `oauth2-${name}-copies-${account}-${region}`, alias: `alias/oauth2-${name}-copies` };
}

/** Everything that comes into the bucket from now on is copied; what is deleted in it stays in the copy until its time. */
export function replicate(bucket: Bucket, key: Key, { region, account, bucket: name, alias }: CopyPlace): void {
  const stack = Stack.of(bucket);
  const destination = `arn:${stack.partition}:s3:::${name}`;
  const role = new Role(stack, 'replication', { assumedBy: new ServicePrincipal('s3.amazonaws.com') });
  const allow = (actions: readonly string[], resource: string, conditions = {}) =>
    role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: [resource], conditions }));
  allow(['s3:GetReplicationConfiguration', 's3:ListBucket'], bucket.bucketArn);
  allow(
    [
      's3:GetObjectVersionForReplication',
      's3:GetObjectVersionAcl',
      's3:GetObjectVersionTagging',
      's3:GetObjectRetention',
      's3:GetObjectLegalHold',
    ],
    bucket.arnForObjects('*'),
  );
  allow(['s3:ReplicateObject', 's3:ReplicateTags'], `${destination}/*`);
  allow(['kms:Decrypt'], key.keyArn, { StringEquals: { 'kms:ViaService': `s3.${stack.region}.amazonaws.com` } });
  allow(['kms:Encrypt', 'kms:GenerateDataKey'], `arn:${stack.partition}:kms:${region}:${account}:key/*`, {
    StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` },
    'ForAnyValue:StringEquals': { 'kms:ResourceAliases': alias },
  });
  acknowledgeReplication(role, bucket, name, `${region}:${account}`);
  (bucket.node.defaultChild as CfnBucket).replicationConfiguration = {
    role: role.roleArn,
    rules: [
      {
        id: ruleOfCopies,
        status: 'Enabled',
        priority: 1,
        filter: { prefix: '' },
        deleteMarkerReplication: { status: 'Disabled' },
        sourceSelectionCriteria: { sseKmsEncryptedObjects: { status: 'Enabled' } },
        destination: {
          bucket: destination,
          encryptionConfiguration: { replicaKmsKeyId: `arn:${stack.partition}:kms:${region}:${account}:${alias}` },
          // So that CloudWatch counts what could not be copied.
          metrics: { status: 'Enabled' },
        },
      },
    ],
  };
}
