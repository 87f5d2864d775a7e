/** What RDS would measure of an instance, measured at the Postgres of a test: its processes' share of processor and memory, and its storage. */
import { readFileSync } from 'node:fs';
import type postgres from 'postgres';

/** Clock ticks of Linux in a second, the same on every machine that Node.js runs on. */
const ticksEach = 100;

/** The postmaster and the processes that it started. */
function processesOf(postmaster: number): number[] {
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim();
  return [postmaster, ...children.split(' ').filter(Boolean).map(Number)];
}

/** Reads a file of a process; nothing where the process has ended meanwhile. */
function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

/** Seconds of processor that they have used, those included that have ended. */
function busySeconds(postmaster: number): number {
  const ticks = processesOf(postmaster).map((pid) => {
    // Name and state come first; the name may have spaces, and ends with the last bracket.
    const fields = read(pid, 'stat').replace(/.*\) /, '').split(' ').map(Number);
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
    return user + system + (pid === postmaster ? endedUser + endedSystem : 0);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / ticksEach;
}

/** Begins to look. @returns per cent of one processor since then, as an instance with one has it: no more than 100 */
export function measureCpu(postmaster: number): () => number {
  const before = busySeconds(postmaster);
  const started = performance.now();
  return () => Math.min(100, (100_000 * (busySeconds(postmaster) - before)) / (performance.now() - started));
}

/** Bytes that they take; what they share counts once. */
export function usedMemory(postmaster: number): number {
  const sizes = processesOf(postmaster).map((pid) => Number(/^Pss: +(\d+) kB$/m.exec(read(pid, 'smaps_rollup'))?.[1] ?? 0));
  return 1024 * sizes.reduce((sum, one) => sum + one, 0);
}

/** Bytes of all databases; the log of changes, which the server keeps within its limits, is left aside. */
export async function usedStorage(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ bytes: string }[]>`select sum(pg_database_size(datname)) as bytes from pg_database`;
  return Number(row?.bytes);
}
