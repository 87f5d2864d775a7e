/** Answers the part of the S3 API that backups and trails need, on a loopback address, over a folder for each bucket. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type AwsEndpoint, AwsError, isSigned } from './aws-endpoint.ts';
import { BucketFolder, type Described, type ObjectFacts } from './bucket-folder.ts';
import { bodyOf, checkSum, textOf } from './s3-body.ts';
import {
  readKeys,
  readParts,
  readTags,
  writeCompleted,
  writeDeleted,
  writeError,
  writeListing,
  writeTags,
  writeUpload,
  writeVersions,
} from './s3-xml.ts';

/** A bucket as the template declares it. */
export interface BucketSpec {
  readonly name: string;
  /** When objects leave by themselves: those with the tag, or below the prefix. */
  readonly expires?: readonly {
    readonly tag?: readonly [name: string, value: string];
    readonly prefix?: string;
    readonly days: number;
  }[];
}

export interface Storage extends AwsEndpoint {
  /** Adds the buckets that are not there yet, and removes what has expired. */
  declare(buckets: readonly BucketSpec[]): void;
}

interface Reply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Readable;
}

interface Call {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly folder: BucketFolder;
}

const dayMs = 86_400_000;
const xml = (body: string): Reply => ({ status: 200, headers: { 'content-type': 'application/xml' }, body });

function found({ folder, key }: Call): ObjectFacts {
  const facts = folder.find(key);
  if (!facts) throw new AwsError('NoSuchKey', 'The specified key does not exist.', 404);
  return facts;
}

function describedBy({ headers }: IncomingMessage): Described {
  const own = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  return {
    content_type: headers['content-type'] ?? 'application/octet-stream',
    tags: Object.fromEntries(new URLSearchParams(String(headers['x-amz-tagging'] ?? ''))),
    metadata: Object.fromEntries(own) as Record<string, string>,
  };
}

/** First and last byte that are asked for; undefined for all of them. */
function rangeOf({ headers: { range } }: IncomingMessage, bytes: number): readonly [number, number] | undefined {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(range ?? '');
  if (!parts || (parts[1] === '' && parts[2] === '')) return undefined;
  const first = parts[1] === '' ? Math.max(bytes - Number(parts[2]), 0) : Number(parts[1]);
  const last = parts[1] === '' || parts[2] === '' ? bytes - 1 : Math.min(Number(parts[2]), bytes - 1);
  if (first > last) throw new AwsError('InvalidRange', 'The requested range is not satisfiable.', 416);
  return [first, last];
}

function read(call: Call): Reply {
  const facts = found(call);
  const range = rangeOf(call.request, facts.bytes);
  const length = range ? range[1] - range[0] + 1 : facts.bytes;
  const headers: Record<string, string> = {
    'content-type': facts.content_type,
    'content-length': String(length),
    etag: facts.etag,
    'last-modified': new Date(facts.modified).toUTCString(),
    'accept-ranges': 'bytes',
    ...(range && { 'content-range': `bytes ${range[0]}-${range[1]}/${facts.bytes}` }),
    ...facts.metadata,
  };
  const status = range ? 206 : 200;
  if (call.method === 'HEAD' || length === 0) return { status, headers };
  return { status, headers, body: call.folder.read(call.key, range) };
}

async function write(call: Call): Promise<Reply> {
  const { folder, key, request, query } = call;
  if (query.has('tagging')) {
    found(call);
    folder.describe(key, { tags: readTags(await textOf(request)) });
    return { status: 200 };
  }
  const upload = query.get('uploadId');
  if (upload !== null) {
    mustBeUnderWay(folder, upload);
    const etag = await folder.writePart(upload, Number(query.get('partNumber')), bodyOf(request), checkSum(request));
    return { status: 200, headers: { etag } };
  }
  if (request.headers['if-none-match'] === '*' && folder.find(key))
    throw new AwsError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412);
  const { etag } = await folder.write(key, bodyOf(request), describedBy(request), checkSum(request));
  return { status: 200, headers: { etag } };
}

function mustBeUnderWay(folder: BucketFolder, upload: string): void {
  if (!folder.isUnderWay(upload)) throw new AwsError('NoSuchUpload', 'The specified upload does not exist.', 404);
}

async function post({ folder, bucket, key, query, request }: Call): Promise<Reply> {
  if (query.has('uploads')) {
    const upload = randomUUID();
    folder.begin(upload, key, describedBy(request));
    return xml(writeUpload(bucket, key, upload));
  }
  const upload = query.get('uploadId');
  if (upload === null) throw new AwsError('NotImplemented', 'This is not answered on this machine.', 501);
  mustBeUnderWay(folder, upload);
  return xml(writeCompleted(bucket, await folder.complete(upload, readParts(await textOf(request)))));
}

function remove({ folder, key, query }: Call): Reply {
  const upload = query.get('uploadId');
  if (upload !== null) folder.abort(upload);
  else if (query.has('tagging')) folder.describe(key, { tags: {} });
  else folder.remove(key);
  return { status: 204 };
}

async function removeSeveral({ folder, request }: Call): Promise<Reply> {
  for (const key of readKeys(await textOf(request))) folder.remove(key);
  return xml(writeDeleted());
}

function list({ folder, bucket, query }: Call): Reply {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const max_keys = Math.min(Number(query.get('max-keys') ?? 1000), 1000);
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const objects: ObjectFacts[] = [];
  const folders = new Set<string>();
  let last = '';
  for (const facts of folder.list(prefix)) {
    if (facts.key <= after) continue;
    const end = delimiter === '' ? -1 : facts.key.indexOf(delimiter, prefix.length);
    const shared = end < 0 ? undefined : facts.key.slice(0, end + delimiter.length);
    if (shared === undefined || !folders.has(shared)) {
      if (objects.length + folders.size === max_keys)
        return xml(writeListing({ bucket, prefix, objects, folders: [...folders], max_keys, next: last }));
      if (shared === undefined) objects.push(facts);
      else folders.add(shared);
    }
    last = facts.key;
  }
  return xml(writeListing({ bucket, prefix, objects, folders: [...folders], max_keys }));
}

function answer(call: Call): Promise<Reply> | Reply {
  const { method, key, query } = call;
  const reads = method === 'GET' || method === 'HEAD';
  if (key === '') {
    if (method === 'HEAD') return { status: 200 };
    if (method === 'GET' && query.get('list-type') === '2') return list(call);
    if (method === 'GET' && query.has('versions')) return xml(writeVersions(call.bucket, call.folder.list()));
    if (method === 'POST' && query.has('delete')) return removeSeveral(call);
  } else if (Buffer.byteLength(encodeURIComponent(key)) > 200) throw new AwsError('KeyTooLongError', 'Your key is too long', 400);
  else if (reads && query.has('tagging')) return xml(writeTags(found(call).tags));
  else if (reads) return read(call);
  else if (method === 'PUT') return write(call);
  else if (method === 'POST') return post(call);
  else if (method === 'DELETE') return remove(call);
  throw new AwsError('NotImplemented', 'This is not answered on this machine.', 501);
}

/** @param folder has a folder for each bucket; the signature itself is not checked: whoever runs programs here may call it */
export async function openStorage(folder: string): Promise<Storage> {
  const buckets = new Map<string, BucketFolder>();
  let declared: readonly BucketSpec[] = [];

  function expire(): void {
    for (const { name, expires = [] } of declared)
      for (const { key, tags, modified } of buckets.get(name)?.list() ?? []) {
        const over = expires.some(
          ({ tag, prefix = '', days }) =>
            key.startsWith(prefix) && (!tag || tags[tag[0]] === tag[1]) && Date.now() - Date.parse(modified) >= days * dayMs,
        );
        if (over) buckets.get(name)?.remove(key);
      }
  }
  const sweep = setInterval(expire, dayMs / 24).unref();

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://127.0.0.1');
    try {
      if (!isSigned(request)) throw new AwsError('AccessDenied', 'The request is not signed.', 403);
      const [, bucket = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(decodeURIComponent(pathname)) ?? [];
      const own = buckets.get(bucket);
      if (!own) throw new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404);
      const reply = await answer({ method: request.method ?? 'GET', bucket, key, query, request, folder: own });
      response.writeHead(reply.status, reply.headers);
      if (reply.body === undefined || typeof reply.body === 'string') response.end(reply.body);
      else await pipeline(reply.body, response);
    } catch (error) {
      if (response.headersSent) return void response.destroy();
      const { code, message, status } = error instanceof AwsError ? error : new AwsError('InternalError', String(error), 500);
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(request.method === 'HEAD' ? undefined : writeError(code, message, pathname));
      // What was not read would be taken for the next request.
      request.resume();
    }
  }

  const server = createServer((request, response) => void serve(request, response));
  server.keepAliveTimeout = 60_000;
  server.requestTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    declare(specs) {
      declared = specs;
      for (const { name } of specs) if (!buckets.has(name)) buckets.set(name, new BucketFolder(join(folder, name)));
      expire();
    },
    close: () =>
      new Promise((done) => {
        clearInterval(sweep);
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
