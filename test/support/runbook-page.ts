/** The commands of a runbook page, as somebody who reads it would type them, and what the page says that they print. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../runbooks');

/** Pages whose commands need Postgres's client programs, or more: the drill that runs each as written. All others run in test/house/pages-run.test.ts. */
export const pagesOfDrills: Readonly<Record<string, string>> = {
  backup: 'test/drills/backup.test.ts',
  'list-backups': 'test/drills/backup.test.ts',
  'verify-backup': 'test/drills/backup.test.ts',
  restore: 'test/drills/restore.test.ts',
  'restore-drill': 'test/drills/restore.test.ts',
  'full-restore': 'test/drills/full-restore.test.ts',
  'lost-database': 'test/drills/restore-data.test.ts',
};

export function readPage(name: string): string {
  return readFileSync(join(folder, `${name}.md`), 'utf8');
}

export interface PageBlock {
  readonly lines: readonly string[];
  /** Lines of the block `text` that follows: each is somewhere in what the commands print, in this order. */
  readonly prints: readonly string[];
  /** The same on a deployed stage, where it is another one than on a machine of one's own. */
  readonly prints_deployed: readonly string[];
}

const linesOf = (text: string) => text.trim().split('\n');
const linesOfOne = (text: string | undefined) => (text === undefined ? [] : linesOf(text));

/** @throws {Error} where the page has none */
export function blocksOf(name: string): PageBlock[] {
  const fences = [...readPage(name).matchAll(/^```sh\n(.*?)^```(?:\n```text\n(.*?)^```)?(?:\n```text deployed\n(.*?)^```)?/gms)];
  if (fences.length === 0) throw new Error(`${name}.md has no command`);
  return fences.map(([, block = '', prints, deployed]) => ({
    lines: linesOf(block),
    prints: linesOfOne(prints),
    prints_deployed: linesOfOne(deployed ?? prints),
  }));
}

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** How wide a column is does not matter, and `…` stands for whatever there is. */
const patternOf = (line: string) => line.trim().split(/\s+/).map(escaped).join('\\s+').replaceAll('…', '.*?');

/** @returns the first line that is not there, or not behind the one before it */
export function findMissing(prints: readonly string[], output: string): string | undefined {
  let rest = output;
  for (const line of prints) {
    const found = new RegExp(patternOf(line)).exec(rest);
    if (!found) return line;
    rest = rest.slice(found.index + found[0].length);
  }
  return undefined;
}

/** Words of a command line of a shell, as far as the pages use it: double quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

export interface PageCommand {
  /** Behind `npx oauth2ctl`. */
  readonly words: readonly string[];
  /** Whether something is piped into it. */
  readonly piped: boolean;
}

/** @throws {Error} for a command of another tool */
export function readCommand(line: string, page: string): PageCommand {
  const [command = '', stdin = ''] = line.split(/\s\|\s/).reverse();
  const [npx, tool, ...words] = wordsOf(command.trim());
  if (npx !== 'npx' || tool !== 'oauth2ctl') throw new Error(`${page}.md: ${line}`);
  return { words, piped: stdin !== '' };
}
