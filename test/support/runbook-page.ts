/** The commands of a runbook page, as somebody who reads it would type them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../runbooks');

/** Pages whose commands need Postgres's client programs, or more: the drill that runs each as written. All others run in test/house. */
export const pagesOfDrills: Readonly<Record<string, string>> = {
  backup: 'test/drills/backup.test.ts',
  'verify-backup': 'test/drills/backup.test.ts',
};

export function readPage(name: string): string {
  return readFileSync(join(folder, `${name}.md`), 'utf8');
}

/** Words of a command line of a shell, as far as the pages use it: double quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

export interface PageCommand {
  /** As it stands on the page. */
  readonly line: string;
  /** Behind `npx oauth2ctl`. */
  readonly words: readonly string[];
  /** Whether something is piped into it. */
  readonly piped: boolean;
}

/**
 * Every command of the page in its order.
 * @param fill what takes the place of each name in capitals
 * @throws {Error} where the page has none, or one of another tool
 */
export function commandsOf(name: string, fill: Readonly<Record<string, string>> = {}): PageCommand[] {
  const lines = [...readPage(name).matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) => block.trim().split('\n'));
  if (lines.length === 0) throw new Error(`${name}.md has no command`);
  return lines.map((line) => {
    const [command = '', stdin = ''] = line.split('|').reverse();
    const written = Object.entries(fill).reduce((text, [placeholder, value]) => text.replaceAll(placeholder, value), command);
    const [npx, tool, ...words] = wordsOf(written.trim());
    if (npx !== 'npx' || tool !== 'oauth2ctl') throw new Error(`${name}.md: ${line}`);
    return { line, words, piped: stdin !== '' };
  });
}
