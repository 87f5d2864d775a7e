/** Keeps the objects of one bucket as files of a folder: written beside and put in place whole, each with what is known about it. */
import { createHash, type Hash } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';

export interface ObjectFacts {
  readonly key: string;
  readonly bytes: number;
  /** In its quotes. */
  readonly etag: string;
  /** Instant. */
  readonly modified: string;
  readonly content_type: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Headers of the owner's own, `x-amz-meta-…`. */
  readonly metadata: Readonly<Record<string, string>>;
}

export type Described = Pick<ObjectFacts, 'content_type' | 'tags' | 'metadata'>;

export interface Written {
  readonly file: string;
  readonly bytes: number;
  readonly md5: Buffer;
  readonly crc32: number;
}

/** @throws {Error} where what was written is not what was meant: then it is removed */
type Check = (written: Written) => void;

export class BucketFolder {
  readonly #objects: string;
  readonly #about: string;
  readonly #uploads: string;
  #temporary = 0;

  constructor(folder: string) {
    this.#objects = join(folder, 'objects');
    this.#about = join(folder, 'about');
    this.#uploads = join(folder, 'uploads');
    // What a process of before did not finish, nobody will.
    rmSync(this.#uploads, { recursive: true, force: true });
    for (const path of [this.#objects, this.#about, this.#uploads]) mkdirSync(path, { recursive: true, mode: 0o700 });
  }

  find(key: string): ObjectFacts | undefined {
    const file = join(this.#about, fileOf(key));
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ObjectFacts) : undefined;
  }

  /** In the order of their keys. */
  list(prefix = ''): ObjectFacts[] {
    const keys = readdirSync(this.#about).map((name) => decodeURIComponent(name));
    const found = keys.filter((key) => key.startsWith(prefix)).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return found.flatMap((key) => this.find(key) ?? []);
  }

  /** @param range first and last byte */
  read(key: string, range?: readonly [first: number, last: number]): Readable {
    return createReadStream(join(this.#objects, fileOf(key)), range && { start: range[0], end: range[1] });
  }

  async write(key: string, body: Readable, described: Described, check?: Check): Promise<ObjectFacts> {
    const written = await this.#receive(body, check);
    return this.#put(key, written, `"${written.md5.toString('hex')}"`, described);
  }

  describe(key: string, described: Partial<Described>): void {
    const facts = this.find(key);
    if (facts) this.#tell({ ...facts, ...described });
  }

  remove(key: string): void {
    for (const folder of [this.#about, this.#objects]) rmSync(join(folder, fileOf(key)), { force: true });
  }

  begin(upload: string, key: string, described: Described): void {
    mkdirSync(join(this.#uploads, upload));
    writeFileSync(join(this.#uploads, upload, 'about.json'), JSON.stringify({ key, described }));
  }

  isUnderWay(upload: string): boolean {
    return /^[\w-]+$/.test(upload) && existsSync(join(this.#uploads, upload, 'about.json'));
  }

  /** @returns the part's ETag */
  async writePart(upload: string, part: number, body: Readable, check?: Check): Promise<string> {
    const written = await this.#receive(body, check);
    renameSync(written.file, join(this.#uploads, upload, String(part)));
    return `"${written.md5.toString('hex')}"`;
  }

  async complete(upload: string, parts: readonly number[]): Promise<ObjectFacts> {
    const folder = join(this.#uploads, upload);
    const { key, described } = JSON.parse(readFileSync(join(folder, 'about.json'), 'utf8')) as {
      key: string;
      described: Described;
    };
    const digests = createHash('md5');
    const read = this.#join(folder, parts, digests);
    const written = await this.#receive(Readable.from(read));
    const facts = this.#put(key, written, `"${digests.digest('hex')}-${parts.length}"`, described);
    this.abort(upload);
    return facts;
  }

  abort(upload: string): void {
    rmSync(join(this.#uploads, upload), { recursive: true, force: true });
  }

  async *#join(folder: string, parts: readonly number[], digests: Hash): AsyncGenerator<Buffer> {
    for (const part of parts) {
      const own = createHash('md5');
      for await (const chunk of createReadStream(join(folder, String(part)))) {
        own.update(chunk as Buffer);
        yield chunk as Buffer;
      }
      digests.update(own.digest());
    }
  }

  async #receive(body: Readable, check?: Check): Promise<Written> {
    const file = join(this.#uploads, `.receiving-${process.pid}-${this.#temporary++}`);
    const md5 = createHash('md5');
    let [bytes, sum] = [0, 0];
    try {
      await pipeline(
        body,
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            md5.update(chunk);
            bytes += chunk.length;
            sum = crc32(chunk, sum);
            yield chunk;
          }
        },
        createWriteStream(file, { mode: 0o600 }),
      );
      const written = { file, bytes, md5: md5.digest(), crc32: sum };
      check?.(written);
      return written;
    } catch (error) {
      rmSync(file, { force: true });
      throw error;
    }
  }

  #put(key: string, { file, bytes }: Written, etag: string, described: Described): ObjectFacts {
    const facts = { key, bytes, etag, modified: new Date().toISOString(), ...described };
    renameSync(file, join(this.#objects, fileOf(key)));
    this.#tell(facts);
    return facts;
  }

  #tell(facts: ObjectFacts): void {
    const fresh = join(this.#uploads, `.about-${process.pid}-${this.#temporary++}`);
    writeFileSync(fresh, JSON.stringify(facts), { mode: 0o600 });
    renameSync(fresh, join(this.#about, fileOf(facts.key)));
  }
}

/** A key as the name of a file. */
export function fileOf(key: string): string {
  return encodeURIComponent(key).replaceAll('*', '%2A').replaceAll('.', '%2E');
}
