/** Runs the server programs of the embedded Postgres: makes a cluster, starts it, stops it, and ends one that was left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { env } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { demandPasswords } from './administrator.ts';
import { LocalFailure } from './failure.ts';
import { processStart } from './lock.ts';
import { type Programs, reachPrograms } from './postgres-programs.ts';
import { chooseRunner, type Runner } from './unprivileged.ts';

export interface ServerOptions {
  /** Holds the cluster (`data/`) and the server's log. */
  readonly folder: string;
  /** Whether a crash of the machine may lose the data: quicker, for tests. */
  readonly fast: boolean;
  /** A port to listen on; by default a free one. */
  readonly port?: number;
  /** Gives up the making of a new cluster. */
  readonly signal?: AbortSignal;
  /** Parameters beside the usual ones. */
  readonly parameters?: Readonly<Record<string, string>>;
}

export interface Server {
  readonly port: number;
  readonly pid: number;
  readonly log: string;
  /** Resolves when the server has ended, whoever ended it. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Starts a program of Postgres as the right user, with its words in the log file. */
function launch(runner: Runner, command: string, args: readonly string[], log: string): ChildProcess {
  const words = [...runner.prefix, command, ...args];
  const identity = runner.prefix.length === 0 && runner.account ? { uid: runner.account.uid, gid: runner.account.gid } : {};
  const file = openSync(log, 'a', 0o640);
  try {
    return spawn(words[0] as string, words.slice(1), {
      ...identity,
      cwd: '/',
      env: { PATH: env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' },
      // A group of its own: Ctrl-C in the terminal must reach us alone, so that we stop things in order.
      detached: true,
      stdio: ['ignore', file, file],
    });
  } finally {
    closeSync(file);
  }
}

/** Makes the user that runs the server the owner of a file, or of a folder with all that is in it. */
export function give(path: string, runner: Runner): void {
  if (!runner.account) return;
  const stat = statSync(path);
  if (stat.uid !== runner.account.uid) lchownSync(path, runner.account.uid, runner.account.gid);
  if (stat.isDirectory()) for (const name of readdirSync(path)) give(join(path, name), runner);
}

/** The end of a log, for an error message. */
function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-8).join('\n');
}

/** Makes the cluster under another name first, so that one whose making was interrupted is never mistaken for a whole one. */
async function initialise(programs: Programs, runner: Runner, options: ServerOptions, log: string): Promise<void> {
  const data = join(options.folder, 'data');
  const fresh = join(options.folder, 'data.new');
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  give(fresh, runner);
  const args = [
    '-D',
    fresh,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
  ];
  if (options.fast) args.push('--no-sync');
  const child = launch(runner, programs.initdb, [...args, '--locale=C', '--no-instructions'], log);
  options.signal?.addEventListener('abort', () => child.kill('SIGKILL'));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0)
    throw new LocalFailure(`Postgres could not make its files in ${fresh}; its log (${log}) ends:\n${lastLines(log)}`);
  renameSync(fresh, data);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** Whether the number is in use, as Postgres itself looks: also by a process that has ended and that nobody has taken note of yet. */
function isTaken(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  return process.platform === 'linux' ? processStart(pid) !== undefined : isTaken(pid);
}

async function comes(happened: () => boolean, milliseconds: number): Promise<boolean> {
  for (const end = Date.now() + milliseconds; Date.now() < end; await wait(10)) if (happened()) return true;
  return false;
}

/** Whether that process is the Postgres of this cluster, and not another one that got its number later. */
function servesCluster(pid: number, data: string): boolean {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(data);
    return isTaken(pid);
  } catch {
    return false;
  }
}

/** Ends a server that outlived the process which started it (that one was killed): quickly, then forcibly. */
async function endOrphan(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10);
  if (!(pid > 1)) return;
  // Postgres itself would take any process with that number for its server.
  if (isRunning(pid) && !servesCluster(pid, data)) return rmSync(file, { force: true });
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (!isRunning(pid)) break;
    process.kill(pid, signal);
    await comes(() => !isRunning(pid), 4000);
  }
  // Where nobody takes note of ended processes (a container without an init) the number stays taken for ever.
  if (!(await comes(() => !isTaken(pid), 4000))) rmSync(file, { force: true });
}

/** Ends the server when this process disappears in a way that lets nobody act: its end closes the pipe that the guard reads. */
function guard(pid: number): ChildProcess {
  // Words of the shell itself: any other program might not be on the PATH, and its absence would end the server at once.
  const script = 'read -r _; kill -INT "$1" 2>/dev/null';
  const child = spawn('/bin/sh', ['-c', script, 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  child.stdin?.on('error', () => {});
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}

/** Statements that take this long are logged, milliseconds. */
const slowStatementMs = 250;

/** The server's log is put aside at a start where it has grown beyond this. */
const largestLog = 8 * 1024 * 1024;

function serverArguments(data: string, port: number, { fast, parameters }: ServerOptions): string[] {
  const set = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    // With the usual work_mem, what 200 connections may take fits into four times this, as on an instance.
    shared_buffers: '288MB',
    shared_preload_libraries: 'pg_stat_statements',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %q%u@%d ',
    log_min_duration_statement: slowStatementMs,
    log_lock_waits: 'on',
    // Values of statements may be personal; the parameter group says the same.
    log_parameter_max_length: 0,
    track_io_timing: 'on',
    // From its copy the database can be made again as it was at an instant, for as long as the log reaches back to it.
    wal_keep_size: '256MB',
    ...(fast ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_wal_size: '4GB' } : {}),
    ...parameters,
  };
  return ['-D', data, ...Object.entries(set).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** Waits until the server says that it serves; it writes its state in the last line of its pid file. */
async function ready(child: ChildProcess, data: string): Promise<boolean> {
  const file = join(data, 'postmaster.pid');
  while (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true;
    await wait(5);
  }
  return false;
}

async function stopServer(child: ChildProcess, ended: Promise<void>): Promise<void> {
  for (const [signal, milliseconds] of [
    ['SIGINT', 5000],
    ['SIGQUIT', 2000],
    ['SIGKILL', 2000],
  ] as const) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    const late = new AbortController();
    await Promise.race([ended, wait(milliseconds, undefined, { signal: late.signal }).catch(() => {})]);
    late.abort();
  }
}

/**
 * Starts the server of a folder, making the cluster on first use. The caller holds the folder's lock.
 * @throws LocalFailure with the end of the server's log when it does not start
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { folder } = options;
  mkdirSync(folder, { recursive: true });
  const data = join(folder, 'data');
  const log = join(folder, 'server.log');
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > largestLog) renameSync(log, `${log}.1`);
  const runner = chooseRunner(existsSync(data) ? data : join(folder, 'data.new'));
  if (existsSync(data) && !runner.account && statSync(data).uid !== process.getuid?.())
    throw new LocalFailure(`${data} belongs to another user: start as that user, or choose another OAUTH2_DATA_DIR`);
  if (existsSync(data)) await endOrphan(data);
  const programs = await reachPrograms(folder, runner);
  try {
    if (!existsSync(data)) await initialise(programs, runner, options, log);
    demandPasswords(data);
    const server = await serve(programs, runner, options, log);
    void server.ended.then(() => programs.release());
    return server;
  } catch (error) {
    programs.release();
    throw error;
  }
}

async function serve(programs: Programs, runner: Runner, options: ServerOptions, log: string): Promise<Server> {
  const { folder, port: wanted } = options;
  const data = join(folder, 'data');
  for (let attempt = 1; ; attempt++) {
    const port = wanted ?? (await freePort());
    const child = launch(runner, programs.postgres, serverArguments(data, port, options), log);
    const ended = once(child, 'exit').then(
      () => {},
      () => {}, // It could not even be started, which the log does not know; `ready` tells.
    );
    if (await ready(child, data)) {
      const watcher = guard(child.pid as number);
      void ended.then(() => watcher.kill('SIGKILL'));
      child.unref();
      return { port, pid: child.pid as number, log, ended, stop: () => stopServer(child, ended) };
    }
    const words = lastLines(log);
    // Another process may have taken the port between our look and the server's start.
    if (attempt < 3 && wanted === undefined && /could not (bind|create any TCP)/.test(words)) continue;
    // The processes of a server that was killed end by themselves, a moment after it.
    if (attempt < 20 && /pre-existing shared memory block/.test(words)) {
      await wait(100);
      continue;
    }
    throw new LocalFailure(`Postgres did not start in ${folder}; its log (${log}) ends:\n${words}`);
  }
}
