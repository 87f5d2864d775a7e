/** Takes out the sources of a release before, to run them beside those of the working tree. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
export const git = (...words: string[]) => execFileSync('git', words, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 });

/** The newest tag of a release that leads to what is checked out, such as v1.4.0. */
export function findLastRelease(): string | undefined {
  return git('tag', '--list', 'v[0-9]*', '--merged', 'HEAD', '--sort=-version:refname').split('\n')[0] || undefined;
}

const migrationsOf = (commit: string) => git('ls-tree', '--name-only', commit, 'migrations/').trim().split('\n');

/** The last release, where migrations were added since; otherwise the commit before the one that added the newest. */
export function findReleaseBeforeMigration(): { commit: string; migrations: string[] } {
  const now = migrationsOf('HEAD');
  const release = findLastRelease();
  const added = git('log', '-1', '--diff-filter=A', '--format=%H', '--', 'migrations').trim();
  for (const commit of [...(release === undefined ? [] : [release]), `${added}^`]) {
    const then = migrationsOf(commit);
    const migrations = now.filter((name) => !then.includes(name)).map((name) => name.replace('migrations/', ''));
    if (migrations.length > 0) return { commit: git('rev-parse', `${commit}^{commit}`).trim(), migrations };
  }
  throw new Error('no migration was added in the history that is here: it takes a clone with its history');
}

/** @param paths what of the commit is taken @returns a folder inside of the project, so that packages are found */
export function takeOut(commit: string, ...paths: string[]): string {
  mkdirSync(join(root, '.local'), { recursive: true });
  const folder = mkdtempSync(join(root, '.local/previous-release-'));
  const archive = join(folder, 'sources.tar');
  git('archive', '--format=tar', `--output=${archive}`, commit, ...paths);
  execFileSync('tar', ['-xf', archive, '-C', folder]);
  return folder;
}
