/** The S3 API of this machine, asked by the real SDK. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { openStorage } from '../../lib/local/s3.ts';
import { makeFolder } from './fixture.ts';

const Bucket = 'backups';

async function open(t: TestContext, folder = makeFolder(t)) {
  const storage = await openStorage(folder);
  storage.declare([{ name: Bucket, expires: [{ tag: ['kind', 'daily'], days: 7 }] }]);
  t.after(() => storage.close());
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = new S3Client({ endpoint: storage.url, region: 'us-east-1', credentials, maxAttempts: 1 });
  t.after(() => client.destroy());
  const put = (Key: string, Body: string, Tagging?: string) =>
    client.send(new PutObjectCommand({ Bucket, Key, Body, ...(Tagging !== undefined && { Tagging }) }));
  const get = async (Key: string, Range?: string) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...(Range !== undefined && { Range }) }));
    return text(Body as Readable);
  };
  return { storage, client, put, get, folder };
}

test('an object is what was put, whole and in part, with its length, type, tags and MD5', async (t) => {
  const { client, put, get } = await open(t);
  const { ETag } = await put('2026/11/25/a b.json', 'zero one two', 'kind=daily&content=manifest');
  assert.equal(await get('2026/11/25/a b.json'), 'zero one two');
  assert.equal(await get('2026/11/25/a b.json', 'bytes=5-7'), 'one');
  assert.equal(await get('2026/11/25/a b.json', 'bytes=-3'), 'two');
  const head = await client.send(new HeadObjectCommand({ Bucket, Key: '2026/11/25/a b.json' }));
  assert.deepEqual([head.ContentLength, head.ETag], [12, ETag]);
  assert.equal(ETag, `"${createHash('md5').update('zero one two').digest('hex')}"`);
  const tags = await client.send(new GetObjectTaggingCommand({ Bucket, Key: '2026/11/25/a b.json' }));
  assert.deepEqual(tags.TagSet, [
    { Key: 'kind', Value: 'daily' },
    { Key: 'content', Value: 'manifest' },
  ]);
  const TagSet = [{ Key: 'kind', Value: 'a & b' }];
  await client.send(new PutObjectTaggingCommand({ Bucket, Key: '2026/11/25/a b.json', Tagging: { TagSet } }));
  const changed = await client.send(new GetObjectTaggingCommand({ Bucket, Key: '2026/11/25/a b.json' }));
  assert.deepEqual(changed.TagSet, TagSet);
});

test('a stream of unknown length arrives in parts and is read back byte for byte', async (t) => {
  const { client } = await open(t);
  const chunks = Array.from({ length: 12 }, () => randomBytes(1024 * 1024));
  const upload = new Upload({
    client,
    params: { Bucket, Key: 'dump', Body: Readable.from(chunks) },
    partSize: 5 * 1024 * 1024,
    queueSize: 2,
  });
  const { ETag } = await upload.done();
  assert.match(String(ETag), /-3"$/);
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'dump' }));
  assert.ok((await buffer(Body as Readable)).equals(Buffer.concat(chunks)));
});

test('an upload whose stream breaks leaves nothing', async (t) => {
  const { client } = await open(t);
  const breaking = Readable.from(
    (async function* () {
      for (let part = 0; part < 6; part++) yield randomBytes(1024 * 1024);
      throw new Error('pg_dump ended');
    })(),
  );
  const upload = new Upload({ client, params: { Bucket, Key: 'dump', Body: breaking }, partSize: 5 * 1024 * 1024 });
  await assert.rejects(upload.done(), /pg_dump ended/);
  await assert.rejects(client.send(new HeadObjectCommand({ Bucket, Key: 'dump' })), { name: 'NotFound' });
});

test('a stream that is summed up on the way is put without the chunks that carry it', async (t) => {
  const { client, get } = await open(t);
  const Body = Readable.from([Buffer.from('streamed '), Buffer.from('text')]);
  await client.send(new PutObjectCommand({ Bucket, Key: 'streamed', Body, ContentLength: 13 }));
  assert.equal(await get('streamed'), 'streamed text');
});

test('keys are listed in their order, below a prefix, in pages and by folder', async (t) => {
  const { client, put } = await open(t);
  const keys = ['2026/11/24/a.json', '2026/11/25/b.json', '2026/11/25/c.json', 'trail/head.json'];
  for (const key of keys.toReversed()) await put(key, key);
  const list = (input: object) => client.send(new ListObjectsV2Command({ Bucket, ...input }));
  assert.deepEqual(
    (await list({})).Contents?.map(({ Key, Size }) => [Key, Size]),
    keys.map((key) => [key, key.length]),
  );
  const first = await list({ Prefix: '2026/', MaxKeys: 2 });
  assert.deepEqual([first.Contents?.length, first.IsTruncated], [2, true]);
  const second = await list({ Prefix: '2026/', MaxKeys: 2, ContinuationToken: first.NextContinuationToken });
  assert.deepEqual([second.Contents?.map(({ Key }) => Key), second.IsTruncated], [['2026/11/25/c.json'], false]);
  const folders = await list({ Delimiter: '/' });
  assert.deepEqual(
    folders.CommonPrefixes?.map(({ Prefix }) => Prefix),
    ['2026/', 'trail/'],
  );
  assert.equal((await list({ StartAfter: '2026/11/25/c.json' })).Contents?.[0]?.Key, 'trail/head.json');
});

test('what is not there, not declared or not answered here is refused as S3 refuses it', async (t) => {
  const { client, put, storage } = await open(t);
  await assert.rejects(client.send(new GetObjectCommand({ Bucket, Key: 'none' })), { name: 'NoSuchKey' });
  await assert.rejects(client.send(new GetObjectCommand({ Bucket: 'other', Key: 'none' })), { name: 'NoSuchBucket' });
  await assert.rejects(client.send(new ListMultipartUploadsCommand({ Bucket })), { name: 'NotImplemented' });
  await put('once', 'first');
  const again = new PutObjectCommand({ Bucket, Key: 'once', Body: 'second', IfNoneMatch: '*' });
  await assert.rejects(client.send(again), { name: 'PreconditionFailed' });
  const changed = new PutObjectCommand({ Bucket, Key: 'sum', Body: 'text', ChecksumCRC32: 'AAAAAA==' });
  await assert.rejects(client.send(changed), { name: 'BadDigest' });
  assert.equal((await fetch(`${storage.url}/${Bucket}/once`)).status, 403);
});

test('objects are kept between starts, deleted on demand, and leave when their days are over', async (t) => {
  const { client, put, folder } = await open(t);
  for (const [key, tags] of [
    ['old', 'kind=daily'],
    ['kept', 'kind=monthly'],
    ['gone', 'kind=monthly'],
  ] as const)
    await put(key, key, tags);
  await client.send(new DeleteObjectCommand({ Bucket, Key: 'gone' }));
  const later = await open(t, folder);
  const listed = async () => (await later.client.send(new ListObjectsV2Command({ Bucket }))).Contents?.map(({ Key }) => Key);
  assert.deepEqual(await listed(), ['kept', 'old']);
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 8 * 86_400_000 });
  later.storage.declare([{ name: Bucket, expires: [{ tag: ['kind', 'daily'], days: 7 }] }]);
  t.mock.timers.reset();
  assert.deepEqual(await listed(), ['kept']);
});
