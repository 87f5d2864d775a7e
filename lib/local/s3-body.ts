/** Reads the body of a request to S3: as it is, or in the chunks in which SDKs send what they sum up on the way; and checks its checksum. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { AwsError } from './aws-endpoint.ts';
import type { Written } from './bucket-folder.ts';

/** Chunks of `aws-chunked`: a line with the length in hexadecimal, the bytes, a line end; the last one is empty and trailers follow. */
async function* withoutChunks(request: IncomingMessage): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  /** Bytes of the chunk that are still to come; undefined where a length is next. */
  let left: number | undefined;
  for await (const more of request) {
    held = Buffer.concat([held, more as Buffer]);
    for (;;) {
      if (left === undefined) {
        const end = held.indexOf('\r\n');
        if (end < 0) break;
        left = Number.parseInt(held.subarray(0, end).toString('latin1'), 16);
        if (Number.isNaN(left)) throw new AwsError('InvalidRequest', 'The body is not in the chunks that its header says.');
        held = held.subarray(end + 2);
        if (left === 0) return void request.resume();
      }
      const taken = held.subarray(0, left);
      if (taken.length > 0) yield taken;
      held = held.subarray(taken.length);
      left -= taken.length;
      if (left > 0 || held.length < 2) break;
      held = held.subarray(2);
      left = undefined;
    }
  }
}

export function bodyOf(request: IncomingMessage): Readable {
  const chunked =
    /aws-chunked/.test(request.headers['content-encoding'] ?? '') || 'x-amz-decoded-content-length' in request.headers;
  return chunked ? Readable.from(withoutChunks(request)) : request;
}

/** Refuses what arrived otherwise than it was sent, as far as a header tells. */
export function checkSum({ headers }: IncomingMessage): (written: Written) => void {
  const [crc, md5] = [headers['x-amz-checksum-crc32'], headers['content-md5']];
  return (written) => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(written.crc32);
    if (crc !== undefined && crc !== sum.toString('base64'))
      throw new AwsError('BadDigest', 'The CRC32 that was sent is not that of what arrived.');
    if (md5 !== undefined && md5 !== written.md5.toString('base64'))
      throw new AwsError('BadDigest', 'The MD5 that was sent is not that of what arrived.');
  };
}

/** A small body as text. */
export async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of bodyOf(request)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
