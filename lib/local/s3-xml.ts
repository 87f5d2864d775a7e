/** What the S3 API says in XML: lists, tags, uploads and errors. */
import type { ObjectFacts } from './bucket-folder.ts';

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';

function toXml(text: string): string {
  return text.replace(/[<>&"\p{Cc}]/gu, (character) => `&#${character.codePointAt(0)};`);
}

function fromXml(text: string): string {
  const named: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return named[name as string] ?? whole;
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex as string, 16));
  });
}

const element = (name: string, value: string | number | boolean) => `<${name}>${toXml(String(value))}</${name}>`;

function document(name: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name} xmlns="${namespace}">${content}</${name}>`;
}

export interface Listing {
  readonly bucket: string;
  readonly prefix: string;
  readonly objects: readonly ObjectFacts[];
  /** Beginnings of keys up to the delimiter, where one was given. */
  readonly folders: readonly string[];
  readonly max_keys: number;
  /** Where the next page begins. */
  readonly next?: string;
}

export function writeListing({ bucket, prefix, objects, folders, max_keys, next }: Listing): string {
  const contents = objects.map(({ key, modified, etag, bytes }) => {
    const facts = [element('Key', key), element('LastModified', modified), element('ETag', etag), element('Size', bytes)];
    return `<Contents>${facts.join('')}<StorageClass>STANDARD</StorageClass></Contents>`;
  });
  const prefixes = folders.map((folder) => `<CommonPrefixes>${element('Prefix', folder)}</CommonPrefixes>`);
  const head = [
    element('Name', bucket),
    element('Prefix', prefix),
    element('KeyCount', objects.length + folders.length),
    element('MaxKeys', max_keys),
    element('IsTruncated', next !== undefined),
    ...(next === undefined ? [] : [element('NextContinuationToken', next)]),
  ];
  return document('ListBucketResult', [...head, ...contents, ...prefixes].join(''));
}

export function writeTags(tags: Readonly<Record<string, string>>): string {
  const set = Object.entries(tags).map(([key, value]) => `<Tag>${element('Key', key)}${element('Value', value)}</Tag>`);
  return document('Tagging', `<TagSet>${set.join('')}</TagSet>`);
}

export function readTags(xml: string): Record<string, string> {
  const pairs = [...xml.matchAll(/<Tag>\s*<Key>(.*?)<\/Key>\s*<Value>(.*?)<\/Value>\s*<\/Tag>/gs)];
  return Object.fromEntries(pairs.map(([, key = '', value = '']) => [fromXml(key), fromXml(value)]));
}

/** Numbers of the parts that an upload is completed with, in their order. */
export function readParts(xml: string): number[] {
  return [...xml.matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map(([, part]) => Number(part));
}

export function writeUpload(bucket: string, key: string, upload: string): string {
  const facts = [element('Bucket', bucket), element('Key', key), element('UploadId', upload)];
  return document('InitiateMultipartUploadResult', facts.join(''));
}

export function writeCompleted(bucket: string, { key, etag }: ObjectFacts): string {
  const facts = [element('Location', `/${bucket}/${key}`), element('Bucket', bucket), element('Key', key), element('ETag', etag)];
  return document('CompleteMultipartUploadResult', facts.join(''));
}

export function writeError(code: string, message: string, resource: string): string {
  const facts = [element('Code', code), element('Message', message), element('Resource', resource)];
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${facts.join('')}</Error>`;
}

/** Of a bucket that keeps none but the current version of each object. */
export function writeVersions(bucket: string, objects: readonly ObjectFacts[]): string {
  const versions = objects.map(({ key, modified, etag, bytes }) => {
    const facts = [
      element('Key', key),
      element('VersionId', 'null'),
      element('IsLatest', true),
      element('LastModified', modified),
    ];
    return `<Version>${facts.join('')}${element('ETag', etag)}${element('Size', bytes)}</Version>`;
  });
  return document('ListVersionsResult', [element('Name', bucket), element('IsTruncated', false), ...versions].join(''));
}

/** Keys that are to be deleted together. */
export function readKeys(xml: string): string[] {
  return [...xml.matchAll(/<Key>(.*?)<\/Key>/gs)].map(([, key = '']) => fromXml(key));
}

export function writeDeleted(): string {
  return document('DeleteResult', '');
}
