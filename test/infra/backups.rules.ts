/** The bucket of the backups: encrypted, private, kept from deletion, emptied by age, and reached from inside the network. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backupKinds } from '../../lib/ops/backup-manifest.ts';
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
