/** Runs Postgres's own programs for backups: finds them, sees that they fit the server, and tells in one line why one failed. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { ProcedureFault } from './input.ts';

export type PostgresProgram = 'pg_dump' | 'pg_restore';

/** Where the programs are. */
export interface ProgramPlace {
  /** Their folder; empty: wherever `path` leads. */
  readonly folder: string;
  /** Value of PATH. */
  readonly path: string;
}

/** Which database a program works on, and as whom. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly tls: boolean;
  /** Certificates that the server's is checked with. */
  readonly ca_file: string;
  readonly password?: (() => Promise<string>) | undefined;
}

export interface RunningProgram {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** @throws {ProcedureFault} with what it said last, where it did not succeed */
  readonly succeeded: Promise<void>;
}

const commandOf = ({ folder }: ProgramPlace, program: PostgresProgram) => (folder === '' ? program : join(folder, program));

const remedy = (major: number) =>
  `install the PostgreSQL ${major} client programs on the PATH of the server, or name their folder in OAUTH2_POSTGRES_PROGRAMS`;

/**
 * Sees that a program is there and not older than the server, whose dumps it could not make or read.
 * @throws {ProcedureFault} programs_missing, with what to do
 */
export async function checkProgram(place: ProgramPlace, program: PostgresProgram, major: number): Promise<void> {
  const where = place.folder === '' ? `on the PATH (${place.path.split(delimiter).join(' ')})` : `in ${place.folder}`;
  let told: string;
  try {
    ({ stdout: told } = await promisify(execFile)(commandOf(place, program), ['--version'], { env: { PATH: place.path } }));
  } catch {
    throw new ProcedureFault('programs_missing', `there is no ${program} ${where}: ${remedy(major)}`, false);
  }
  const own = Number(/\(PostgreSQL\) (\d+)/.exec(told)?.[1] ?? 0);
  if (own < major)
    throw new ProcedureFault(
      'programs_missing',
      `${program} ${where} is of version ${own}, the server ${major}: ${remedy(major)}`,
      false,
    );
}

/** @param signal ends the program at once */
export function startProgram(
  place: ProgramPlace,
  program: PostgresProgram,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): RunningProgram {
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(commandOf(place, program), [...args], {
    env: { PATH: place.path, LC_ALL: 'C', TZ: 'UTC', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(signal && { signal, killSignal: 'SIGKILL' as const }),
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  // Who writes sees that the program ends; here it is no event.
  child.stdin.on('error', () => {});
  const succeeded = once(child, 'close').then(
    ([code]) => {
      if (code === 0) return;
      const words = said.trim().split('\n').slice(-3).join(' ') || `it ended with ${code}`;
      throw new ProcedureFault('program_failed', `${program}: ${words.slice(0, 500)}`, false);
    },
    (error: Error) => {
      throw new ProcedureFault('program_failed', `${program}: ${error.message}`, false);
    },
  );
  succeeded.catch(() => {});
  return { stdin: child.stdin, stdout: child.stdout, succeeded };
}

/** Arguments and environment by which a program connects; the password is never an argument. */
export async function connecting(connection: Connection): Promise<{ args: string[]; environment: Record<string, string> }> {
  const { host, port, database, user, tls, ca_file, password } = connection;
  return {
    args: [`--host=${host}`, `--port=${port}`, `--username=${user}`, `--dbname=${database}`, '--no-password'],
    environment: {
      ...(password && { PGPASSWORD: await password() }),
      PGSSLMODE: tls ? 'verify-full' : 'disable',
      ...(tls && ca_file !== '' && { PGSSLROOTCERT: ca_file }),
      PGAPPNAME: 'oauth2',
      PGCONNECT_TIMEOUT: '10',
    },
  };
}
