/** Makes the virtual environment that the emulator lives in: once for each list of requirements, kept in a cache folder. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { env } from 'node:process';
import { lastLines, mustRun, run, Unable } from './programs.ts';

const requirements = join(import.meta.dirname, 'requirements.txt');

function askVersion(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

/** @throws {Unable} where the machine lacks what the emulator needs */
export function checkMachine(): void {
  const version = askVersion('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
  const [major, minor] = (version ?? '0.0').split('.').map(Number) as [number, number];
  if (major < 3 || (major === 3 && minor < 10))
    throw new Unable(
      `the AWS emulator needs Python 3.10 or newer, and \`python3\` is ${version ?? 'not there'}: install it (Debian: apt-get install python3 python3-venv)`,
    );
  if (askVersion('openssl', ['version']) === undefined)
    throw new Unable('the AWS emulator makes its certificate with `openssl`, which is not there: install it (Debian: openssl)');
}

/**
 * @param cache folder that the environment is kept in
 * @param log file for what pip says
 * @returns the environment's Python, with the emulator installed
 * @throws {Unable} where Debian's half of venv is missing
 */
export async function prepareEmulator(cache: string, log: string): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const place = join(cache, `aws-emulator-${digest}`);
  const python = join(place, 'bin/python');
  if (existsSync(python)) return python;

  mkdirSync(cache, { recursive: true });
  // Under another name first: one whose making was interrupted is never taken for a whole one.
  const fresh = `${place}.${process.pid}`;
  const common = { environment: env, log, seconds: 300 };
  try {
    const made = await run({ ...common, command: 'python3', args: ['-m', 'venv', fresh] });
    if (made !== 0)
      throw new Unable(`python3 makes no virtual environment (Debian: apt-get install python3-venv): ${lastLines(log, 3)}`);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', requirements];
    await mustRun({ ...common, command: join(fresh, 'bin/python'), args: pip });
    if (!existsSync(place)) renameSync(fresh, place);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return python;
}
