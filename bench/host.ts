/** What the measurement ran on: processor, kernel, versions. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

/** The installed version of a package of this project. */
export function readVersion(name: string): string {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

export interface Host {
  readonly processor: string;
  readonly cores: number;
  readonly memory_gib: number;
  readonly system: string;
  readonly node: string;
  /** Load averages of one minute before and after: beyond the number of cores, others worked too. */
  readonly load: readonly [before: number, after: number];
}

/** @param before the load average when the measurement began */
export function describeHost(before: number): Host {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory_gib: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    node: process.version,
    load: [before, readLoad()],
  };
}

export function readLoad(): number {
  return Math.round((loadavg()[0] ?? 0) * 10) / 10;
}
