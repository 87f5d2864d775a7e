/** The bucket of the backups: encrypted, private, kept from deletion, emptied by age, and reached from inside the network. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backupKinds } from '../../lib/ops/backup-manifest.ts';
import { statementsOf } from './golden.ts';
import { type Json, nameOf, type Properties, type Resource, synthesise } from './templates.ts';

interface Rule extends Properties {
  readonly Id: string;
  readonly TagFilters: readonly { readonly Key: string; readonly Value: string }[];
}

for (const stage of ['production', 'complete', 'dev', 'local']) {
  describe(`the bucket of the backups of ${stage}`, async () => {
    const templates = await synthesise(stage);
    const bucket = templates.one('backups', 'AWS::S3::Bucket');
    const { properties } = bucket;

    it('is encrypted by a key of its own that rotates', () => {
      const { ServerSideEncryptionConfiguration: rules } = properties.BucketEncryption as Record<string, readonly Properties[]>;
      const { SSEAlgorithm, KMSMasterKeyID } = (rules?.[0]?.ServerSideEncryptionByDefault ?? {}) as Properties;
      assert.equal(SSEAlgorithm, 'aws:kms');
      const key = templates.target('backups', KMSMasterKeyID) as Resource;
      assert.deepEqual([nameOf(key), key.properties.EnableKeyRotation], ['backupskey', true]);
    });

    it('is public to nobody, is asked by TLS alone, and opens to no principal', () => {
      assert.deepEqual(properties.PublicAccessBlockConfiguration, {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      const policy = templates.one('backups', 'AWS::S3::BucketPolicy');
      assert.equal(templates.target('backups', policy.properties.Bucket), bucket);
      const { Statement } = policy.properties.PolicyDocument as unknown as { Statement: readonly Properties[] };
      assert.ok(Statement.some(({ Condition }) => JSON.stringify(Condition).includes('"aws:SecureTransport":"false"')));
      assert.deepEqual([...new Set(Statement.map(({ Effect }) => Effect))], ['Deny']);
    });

    it('keeps versions, so that whoever overwrites or deletes one destroys nothing at once', () => {
      assert.deepEqual(properties.VersioningConfiguration, { Status: 'Enabled' });
    });
  });
}

describe('the backups of production', async () => {
  const templates = await synthesise('production');
  const { properties } = templates.one('backups', 'AWS::S3::Bucket');
  const { Rules } = properties.LifecycleConfiguration as unknown as { Rules: readonly Rule[] };
  const leaves = (kind: string) =>
    Rules.filter(
      ({ TagFilters = [] }) => TagFilters.every(({ Key, Value }) => Key === 'kind' && Value === kind) && TagFilters.length > 0,
    );

  it('cannot be deleted for as long as daily ones are kept', () => {
    assert.equal(properties.ObjectLockEnabled, true);
    assert.deepEqual(properties.ObjectLockConfiguration, {
      ObjectLockEnabled: 'Enabled',
      Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 35 } },
    });
  });

  it('leave by themselves, each kind by one rule: after 35 days, the monthly ones after seven years', () => {
    for (const kind of backupKinds) {
      const days = leaves(kind).map(({ ExpirationInDays }) => ExpirationInDays);
      assert.deepEqual([kind, days], [kind, [kind === 'monthly' ? 2557 : 35]]);
    }
  });

  it('of each month go to the archive, but for the manifest by which they are listed', () => {
    const archives = Rules.filter(({ Transitions }) => Transitions);
    assert.deepEqual(
      archives.map(({ TagFilters, Transitions }) => [TagFilters, Transitions]),
      [
        [
          [
            { Key: 'kind', Value: 'monthly' },
            { Key: 'content', Value: 'dump' },
          ],
          [{ StorageClass: 'DEEP_ARCHIVE', TransitionInDays: 1 }],
        ],
      ],
    );
  });

  it('that were cut off, and former versions, do not pile up', () => {
    const rule = Rules.find(({ Id }) => Id === 'leftovers');
    assert.deepEqual(rule?.AbortIncompleteMultipartUpload, { DaysAfterInitiation: 1 });
    assert.deepEqual(rule?.NoncurrentVersionExpiration, { NoncurrentDays: 7 });
    assert.ok((Rules as readonly Json[]).every((one) => (one as Properties).Status === 'Enabled'));
  });

  it('are made from the instance itself and to S3 by its own way', () => {
    const fn = templates
      .some('AWS::Lambda::Function')
      .find(({ properties: own }) => own.FunctionName === 'oauth2-production-backup') as Resource;
    const { Variables } = fn.properties.Environment as { Variables: Properties };
    assert.equal(nameOf(templates.target('ops', Variables.OAUTH2_BACKUP_DATABASE_HOST) as Resource), 'database');
    assert.equal(nameOf(templates.target('ops', Variables.OAUTH2_DATABASE_HOST) as Resource), 'proxy');
    assert.equal(Variables.NODE_EXTRA_CA_CERTS, '/opt/rds/global-bundle.pem');
    const { SecurityGroupIds } = fn.properties.VpcConfig as { SecurityGroupIds: readonly Json[] };
    const groups = SecurityGroupIds.map((one) => nameOf(templates.target('ops', one) as Resource));
    assert.deepEqual(groups.toSorted(), ['databaseclients', 'proxyclients', 'storageclients']);
    const endpoints = templates.some('AWS::EC2::VPCEndpoint').filter(({ properties: own }) => own.VpcEndpointType === 'Gateway');
    assert.deepEqual(
      endpoints.map(({ properties: own }) => (own.RouteTableIds as readonly Json[]).length),
      [3],
    );
  });
});

describe('the copies of the backups in a second region', async () => {
  const templates = await synthesise('complete');
  const [bucket, copies] = ['backups', 'copies'].map((part) => templates.one(part, 'AWS::S3::Bucket')) as [Resource, Resource];
  const { Role, Rules } = bucket.properties.ReplicationConfiguration as { Role: Json; Rules: readonly Properties[] };
  const role = templates.target('backups', Role) as Resource;
  const [rule = {}] = Rules;
  const destination = rule.Destination as Properties;

  it('are of every object, with its tags and its lock, and outlive what is deleted in the first one', () => {
    assert.equal(Rules.length, 1);
    assert.deepEqual(
      [rule.Status, rule.Filter, rule.DeleteMarkerReplication],
      ['Enabled', { Prefix: '' }, { Status: 'Disabled' }],
    );
    assert.deepEqual(rule.SourceSelectionCriteria, { SseKmsEncryptedObjects: { Status: 'Enabled' } });
    assert.doesNotMatch(permissionsOf(role).join(), /Delete|Bypass/);
    for (const same of [
      'ObjectLockConfiguration',
      'LifecycleConfiguration',
      'VersioningConfiguration',
      'PublicAccessBlockConfiguration',
    ])
      assert.deepEqual(copies.properties[same], bucket.properties[same]);
  });

  it('go to the bucket of that region by its name, encrypted by a key that is there', () => {
    assert.equal(copies.properties.BucketName, 'oauth2-complete-copies-111122223333-eu-west-1');
    assert.match(templates.text('backups', destination.Bucket), /:s3:::oauth2-complete-copies-111122223333-eu-west-1$/);
    const alias = templates.one('copies', 'AWS::KMS::Alias');
    assert.equal(templates.target('copies', alias.properties.TargetKeyId), templates.one('copies', 'AWS::KMS::Key'));
    const { ReplicaKmsKeyID } = destination.EncryptionConfiguration as Properties;
    assert.ok(templates.text('backups', ReplicaKmsKeyID).endsWith(`:kms:eu-west-1:111122223333:${alias.properties.AliasName}`));
  });

  it('are written by a role of S3 that may use no other key there', () => {
    const [, { Condition } = {}] =
      statementsOf(templates, role).find(([, { Action }]) => [Action].flat().includes('kms:Encrypt')) ?? [];
    assert.deepEqual(Condition?.['ForAnyValue:StringEquals'], { 'kms:ResourceAliases': 'alias/oauth2-complete-copies' });
  });

  it('are not there where the stage names no second region', async () => {
    const production = await synthesise('production');
    assert.equal(production.one('backups', 'AWS::S3::Bucket').properties.ReplicationConfiguration, undefined);
    assert.equal(
      production.all.some(({ part }) => part === 'copies'),
      false,
    );
  });

  function permissionsOf(of: Resource): string[] {
    return statementsOf(templates, of).flatMap(([, { Action }]) => [Action].flat());
  }
});
