/** Empties a bucket with every version in it: CloudFormation deletes none that holds anything. */
import { ReleaseFault } from './fault.ts';

const patient = { maxAttempts: 5, requestHandler: { requestTimeout: 20_000, connectionTimeout: 5000 } };

/**
 * @param region of the bucket; by default that of the operator
 * @returns how many versions were deleted
 * @throws {ReleaseFault} where one cannot be
 */
export async function emptyBucket(Bucket: string, region?: string): Promise<number> {
  const { DeleteObjectsCommand, ListObjectVersionsCommand, S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ ...patient, ...(region !== undefined && { region }) });
  let deleted = 0;
  try {
    // What was deleted is not in the next list.
    for (;;) {
      const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket }));
      const Objects = [...Versions, ...DeleteMarkers].flatMap(({ Key, VersionId }) =>
        Key === undefined ? [] : [{ Key, VersionId }],
      );
      if (Objects.length === 0) return deleted;
      const { Errors: [first] = [] } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      if (first) throw new ReleaseFault('bucket_not_empty', `${first.Key} in ${Bucket} cannot be deleted: ${first.Message}`);
      deleted += Objects.length;
    }
  } catch (error) {
    // It went with an attempt of before.
    if (error instanceof Error && error.name === 'NoSuchBucket') return deleted;
    throw error;
  } finally {
    client.destroy();
  }
}
