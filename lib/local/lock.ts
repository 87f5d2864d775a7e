/** Decides whether a folder is in use by a running process, with a lock file that a killed process cannot leave valid. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Holder {
  pid: number;
  /** When that process started, as the system tells it: a process id that was given out again has another one. */
  started: string;
}

export interface FolderLock {
  /** Gives the folder free; harmless when called twice. */
  release(): void;
}

/** When a process started, in a form that is only good for comparing; undefined when it does not run (any more). */
export function processStart(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : `${boot} ${fields[19]}`;
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

function holderOf(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder;
    return processStart(holder.pid) === holder.started ? holder : undefined;
  } catch {
    return undefined;
  }
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * Takes the folder for this process.
 * @returns the lock, or the id of the live process that holds the folder
 * @throws the file system's error when the folder cannot be written
 */
export function lockFolder(folder: string): FolderLock | number {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'lock.json');
  const own = `${file}.${process.pid}`;
  const text = JSON.stringify({ pid: process.pid, started: processStart(process.pid) ?? '', id: randomUUID() });
  writeFileSync(own, text, { mode: 0o644 });
  try {
    for (;;) {
      try {
        linkSync(own, file); // A link appears whole or not at all, so nobody reads half a lock.
        return { release: () => contentOf(file) === text && rmSync(file, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const seen = contentOf(file);
      const holder = seen === undefined ? undefined : holderOf(seen);
      if (holder) return holder.pid;
      if (seen !== undefined) removeStale(file, seen);
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Removes the lock of a dead process, unless another process took the folder in the same moment. */
function removeStale(file: string, seen: string): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
    if (contentOf(aside) !== seen) linkSync(aside, file);
  } catch {
    // Another process was faster; the next round sees what it left.
  } finally {
    rmSync(aside, { force: true });
  }
}
