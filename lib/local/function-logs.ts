/** Keeps what each function writes in a log file of its own, besides showing it. */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A log that has grown beyond this is put aside; the one before it is forgotten. */
const largestLog = 10 * 1024 * 1024;

/** @param show takes the same lines for the terminal */
export function openFunctionLogs(folder: string, show: (lines: string) => void): (name: string, lines: string) => void {
  mkdirSync(folder, { recursive: true });
  const sizes = new Map<string, number>();
  return (name, lines) => {
    const file = join(folder, `${name}.log`);
    const size = sizes.get(name) ?? statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    const full = size > largestLog;
    if (full) renameSync(file, `${file}.1`);
    sizes.set(name, (full ? 0 : size) + Buffer.byteLength(lines));
    appendFileSync(file, lines, { mode: 0o600 });
    show(lines);
  };
}
