/** Runs the programs that a deploy to the emulator takes: each with a log, a limit in time, and its end assured. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** Something that the person who started us can put right; told in one line, without a stack. */
export class Unable extends Error {
  override name = 'Unable';
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** File for all that it says; without one it speaks to our terminal. */
  readonly log?: string;
  readonly seconds: number;
  readonly cwd?: string;
}

/** Starts a program as the head of a process group of its own, which ends as a whole. */
export function launch({ command, args, environment, log, cwd }: Omit<Program, 'seconds'>): ChildProcess {
  const file = log === undefined ? undefined : openSync(log, 'a');
  try {
    return spawn(command, args, {
      env: environment,
      ...(cwd !== undefined && { cwd }),
      detached: true,
      stdio: file === undefined ? ['ignore', 'inherit', 'inherit'] : ['ignore', file, file],
    });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Signals the program and everything that it started. */
export function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // All of them have ended.
  }
}

const running = new Set<ChildProcess>();

/** Ends every program that `run` waits for. */
export function endPrograms(): void {
  for (const child of running) signalGroup(child, 'SIGKILL');
}

/** Waits for a program. @returns its exit code; 1 where a signal or the limit ended it */
export async function run(program: Program): Promise<number> {
  const child = launch(program);
  running.add(child);
  const limit = setTimeout(() => signalGroup(child, 'SIGKILL'), program.seconds * 1000);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 1;
  } finally {
    clearTimeout(limit);
    running.delete(child);
  }
}

export function lastLines(file: string, count = 30): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}

/** Runs a program that has to succeed. @throws {Error} with the end of its log */
export async function mustRun(program: Program & { readonly log: string }): Promise<void> {
  const code = await run(program);
  if (code === 0) return;
  const words = [basename(program.command), ...program.args].join(' ');
  throw new Error(`\`${words}\` ended with ${code} (limit ${program.seconds} s):\n${lastLines(program.log)}`);
}
