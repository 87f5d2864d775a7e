/** Catches what function code writes to standard output, so that tests can read it and the test report stays clean. */
import { stdout } from 'node:process';

export interface Output {
  /** Everything written so far, as one text. */
  text(): string;
  /** Log lines, parsed. */
  logs(): Record<string, unknown>[];
  /** Embedded metric format blobs, parsed. */
  metrics(): Record<string, unknown>[];
  clear(): void;
  restore(): void;
}

export function captureOutput(): Output {
  const lines: string[] = [];
  const write = stdout.write;
  stdout.write = function capture(this: typeof stdout, chunk: string | Uint8Array, ...rest: never[]) {
    const text = typeof chunk === 'string' ? chunk : '';
    // Only our own JSON lines: the test runner speaks over the same stream.
    if (!text.startsWith('{"')) return write.call(stdout, chunk, ...rest);
    lines.push(...text.split('\n').filter(Boolean));
    return true;
  } as typeof stdout.write;
  const parsed = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    text: () => lines.join('\n'),
    logs: () => parsed().filter((line) => 'level' in line),
    metrics: () => parsed().filter((line) => '_aws' in line),
    clear: () => lines.splice(0),
    restore: () => {
      stdout.write = write;
    },
  };
}
