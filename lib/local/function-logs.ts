/** Keeps what each function writes in a log file of its own, besides showing it. */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A log that has grown beyond this is put aside when the next start opens it. */
const largestLog = 10 * 1024 * 1024;

/** @param show takes the same lines for the terminal */
export function openFunctionLogs(folder: string, show: (lines: string) => void): (name: string, lines: string) => void {
  mkdirSync(folder, { recursive: true });
  const opened = new Set<string>();
  return (name, lines) => {
    const file = join(folder, `${name}.log`);
    if (!opened.has(name)) {
      opened.add(name);
      if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > largestLog) renameSync(file, `${file}.1`);
    }
    appendFileSync(file, lines, { mode: 0o600 });
    show(lines);
  };
}
