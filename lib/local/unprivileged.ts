/** Decides as which user the embedded Postgres runs, which refuses to run as root. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LocalFailure } from './failure.ts';

export interface Runner {
  /** The user that owns the cluster's files and runs its programs. Absent: the one that started this process. */
  readonly account?: Account;
  /** Words before the command line that become that user, for the case that only a capability lets it reach the folders. */
  readonly prefix: readonly string[];
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** An account that exists wherever one runs as root: the database's own, or the one without rights. */
function accountOf(names: readonly string[]): Account | undefined {
  const rows = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of names) {
    const row = rows.find((fields) => fields[0] === name);
    const uid = Number(row?.[2]) >>> 0;
    if (row && uid > 0) return { uid, gid: Number(row[3]) >>> 0 };
  }
  return undefined;
}

/** The first folder on the way to `path` that the account may not enter; undefined when it may enter all. */
export function closedFolder(path: string, account: Account): string | undefined {
  let closed: string | undefined;
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      const bit = stat.uid === account.uid ? 0o100 : stat.gid === account.gid ? 0o010 : 0o001;
      if ((stat.mode & bit) === 0) closed = folder;
    }
    if (dirname(folder) === folder) return closed;
  }
}

/** The capability that lets a process walk through closed folders, the weaker one where this process has it. */
function walkingCapability(): string | undefined {
  const status = readFileSync('/proc/self/status', 'utf8');
  const mask = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  if (mask & (1n << 2n)) return 'dac_read_search';
  return mask & (1n << 1n) ? 'dac_override' : undefined;
}

function findProgram(name: string): string | undefined {
  for (const folder of ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin']) {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return `${folder}/${name}`;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/**
 * Chooses the user for a cluster in `folder`.
 * @throws LocalFailure when root started us and no other user can reach the folder
 */
export function chooseRunner(folder: string): Runner {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const owner = statSync(folder, { throwIfNoEntry: false });
  const account = owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : accountOf(['postgres', 'nobody']);
  if (!account)
    throw new LocalFailure(
      'Postgres does not run as root and there is no user `postgres` or `nobody` to run it as: create one or start as an ordinary user',
    );
  const closed = closedFolder(dirname(folder), account);
  if (!closed) return { account, prefix: [] };
  const prefix = process.platform === 'linux' ? walkingPrefix(account) : undefined;
  if (prefix) return { account, prefix };
  throw new LocalFailure(
    `Postgres cannot run as root, and other users may not enter ${closed}: run \`chmod o+x ${closed}\`, move the project, or start as an ordinary user`,
  );
}

/** A command that becomes the account but keeps the right to walk through closed folders; undefined where that does not work. */
function walkingPrefix(account: Account): string[] | undefined {
  const capability = walkingCapability();
  const program = findProgram('setpriv');
  if (!capability || !program) return undefined;
  const keep = `-all,+${capability}`;
  const prefix = [
    program,
    `--reuid=${account.uid}`,
    `--regid=${account.gid}`,
    '--clear-groups',
    `--inh-caps=${keep}`,
    `--ambient-caps=${keep}`,
    `--bounding-set=${keep}`,
  ];
  try {
    execFileSync(program, [...prefix.slice(1), '/bin/sh', '-c', ':'], { stdio: 'ignore' });
    return prefix;
  } catch {
    return undefined;
  }
}
