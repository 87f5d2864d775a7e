/** Starts a measured server in a process of its own, reads what that process used, and ends it by its id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Contender } from './contenders.ts';
import type { Listening, Order } from './listen.ts';

export interface Running {
  readonly pid: number;
  readonly port: number;
  /** Sends an order and gives back what the process answers. */
  tell(order: Order): Promise<unknown>;
  stop(): Promise<void>;
}

/**
 * Starts the server and waits until it listens.
 * @param extra variables beside the contender's own
 * @throws {Error} where it ends first, or does not listen within 15 s
 */
export async function start(contender: Contender, program: string, extra: Record<string, string> = {}): Promise<Running> {
  // Nothing of the caller's environment but PATH: the same for everybody, and no setting leaks in.
  const environment = { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...contender.environment, ...extra };
  const child = spawn(process.execPath, [program], {
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { port } = await firstMessage(child, contender.name);
  const tell = async (order: Order) => {
    const answer = once(child, 'message');
    child.send(order);
    return (await answer)[0];
  };
  return { pid: child.pid as number, port, tell, stop: () => stop(child) };
}

function firstMessage(child: ChildProcess, name: string): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${name} did not listen within 15 s`));
    }, 15_000);
    child.once('message', (message) => {
      clearTimeout(late);
      resolve(message as Listening);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      reject(new Error(`${name} ended with ${code ?? signal} before it listened`));
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const forced = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(forced);
}

/** Length of a clock tick in /proc, in milliseconds: USER_HZ is 100 on every Linux architecture that Node runs on. */
const tickMs = 10;

/** CPU time that a process and all its threads have used, user and system, in milliseconds. */
export function readCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the command in parentheses, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

/** Resident memory of a process, in MiB. */
export function readMemoryMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
