/** Keeps what was said, event by event with its time and its stream, as CloudWatch Logs does; bounded on disk. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface LogEvent {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly stream: string;
  readonly message: string;
}

export interface LogJournal {
  /** Adds whole lines; indented ones belong to the line before them. @returns the events that they are */
  write(group: string, stream: string, lines: string): LogEvent[];
  groups(): string[];
  /** Events from one instant up to and with another, oldest first. */
  read(group: string, from: number, to: number): LogEvent[];
}

/** Bytes of one file; of each group there are two, the current one and the one before it. */
const largestFile = 4 * 1024 * 1024;

/** One event for each line that is not indented. */
export function splitEvents(lines: string): string[] {
  return lines.replace(/\n$/, '').split(/\n(?!\s)/);
}

/** @param bytes of one file, for a test that wants to see the end of it */
export function openLogJournal(folder: string, bytes = largestFile): LogJournal {
  mkdirSync(folder, { recursive: true });
  const fileOf = (group: string) => join(folder, `${encodeURIComponent(group)}.jsonl`);
  const sizes = new Map<string, number>();
  let count = 0;

  function parse(file: string, from: number): LogEvent[] {
    const stat = statSync(file, { throwIfNoEntry: false });
    if (!stat || stat.mtimeMs < from - 1000) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line) => {
        try {
          const [id, timestamp, stream, message] = JSON.parse(line) as [string, number, string, string];
          return [{ id, timestamp, stream, message }];
        } catch {
          return []; // The last line of a process that was killed may be half of one.
        }
      });
  }

  return {
    write(group, stream, lines) {
      const file = fileOf(group);
      const now = Date.now();
      const events = splitEvents(lines).map((message) => ({
        id: `${now}-${process.pid}-${count++}`,
        timestamp: now,
        stream,
        message,
      }));
      const text = events.map(({ id, message }) => `${JSON.stringify([id, now, stream, message])}\n`).join('');
      const size = sizes.get(file) ?? statSync(file, { throwIfNoEntry: false })?.size ?? 0;
      const full = size > bytes;
      if (full) renameSync(file, `${file}.1`);
      appendFileSync(file, text, { mode: 0o600 });
      sizes.set(file, (full ? 0 : size) + Buffer.byteLength(text));
      return events;
    },
    groups: () =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.jsonl'))
        .map((name) => decodeURIComponent(name.slice(0, -'.jsonl'.length)))
        .sort(),
    read: (group, from, to) =>
      [...parse(`${fileOf(group)}.1`, from), ...parse(fileOf(group), from)].filter(
        ({ timestamp }) => timestamp >= from && timestamp <= to,
      ),
  };
}
