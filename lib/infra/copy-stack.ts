/** The bucket with the copies of the backups, in a second region: as the first one, with a key of its own there. */
import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { CopyPlace } from './backup-copies.ts';
import { createBackupBucket } from './backup-stack.ts';
import type { CheckedStage } from './read-stage.ts';

export class CopyStack extends Stack {
  constructor(scope: Construct, id: string, { stage, place, ...props }: StackProps & { stage: CheckedStage; place: CopyPlace }) {
    super(scope, id, props);
    const encryptionKey = new Key(this, 'copies-key', {
      alias: place.alias,
      description: `oauth2 ${stage.name}: encrypts the copies of the backups`,
      enableKeyRotation: true,
      removalPolicy: stage.retains ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY,
    });
    createBackupBucket(this, { stage, bucketName: place.bucket, encryptionKey });
  }
}
