/** Asks Git which commit the sources are of. */
import { execFileSync } from 'node:child_process';

/** @returns its id, with `-dirty` where the sources differ from it; undefined outside of a repository */
export function readCommit(root: string): string | undefined {
  const git = (...words: string[]) =>
    execFileSync('git', words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const id = git('rev-parse', '--short=12', 'HEAD').trim();
    return git('status', '--porcelain', '--untracked-files=no') === '' ? id : `${id}-dirty`;
  } catch {
    return undefined;
  }
}
