/** Synthesises the CDK app in a process of its own, and only when something that it reads has changed. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { env, execPath } from 'node:process';
import { LocalFailure } from './failure.ts';

export interface Synthesis {
  /** The project's folder. */
  readonly root: string;
  /** Where the cloud assembly goes. */
  readonly out: string;
  /** Variables for the app: the stage and its settings. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether what an earlier one left may be thrown away: not while functions run from it. */
  readonly clean: boolean;
  readonly signal?: AbortSignal;
}

/** What the app's output depends on, besides its environment. */
export const sourceFolders = ['lib', 'functions', 'migrations'];
const sourceFiles = ['bin/app.ts', 'package.json', 'package-lock.json', 'tsconfig.json'];

/** The local runtime itself is no part of what it runs. */
export function isSource(path: string): boolean {
  return !path.split(sep).join('/').startsWith('lib/local/');
}

/** Changes with every file that the app or a bundle could read, and with the environment. */
export function fingerprintOf({ root, environment }: Pick<Synthesis, 'root' | 'environment'>): string {
  const hash = createHash('sha256').update(JSON.stringify([process.version, Object.entries(environment).sort()]));
  const inFolders = sourceFolders.flatMap((folder) =>
    existsSync(join(root, folder))
      ? readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => relative(root, join(entry.parentPath, entry.name)))
          .filter(isSource)
          .sort()
      : [],
  );
  for (const file of [...inFolders, ...sourceFiles]) {
    if (!existsSync(join(root, file))) continue; // Gone between listing and reading.
    const content = readFileSync(join(root, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

async function run({ root, out, environment, signal }: Synthesis): Promise<void> {
  const child = spawn(execPath, ['bin/app.ts'], {
    cwd: root,
    env: {
      PATH: env.PATH ?? '',
      HOME: env.HOME ?? root,
      CDK_OUTDIR: out,
      // Most of a synth's time is the validator's; CI runs with it.
      CDK_VALIDATION: 'false',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...(signal && { signal, killSignal: 'SIGKILL' as const }),
  });
  let words = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (words += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw new LocalFailure(`the CDK app (bin/app.ts) could not be synthesised:\n${words.trim() || `it ended with ${code}`}`);
}

/**
 * Brings the cloud assembly up to date.
 * @returns the fingerprint of what it was made from
 * @throws LocalFailure with the app's own words
 */
export async function synthesise(synthesis: Synthesis): Promise<string> {
  const mark = join(synthesis.out, 'fingerprint.txt');
  const fingerprint = fingerprintOf(synthesis);
  if (existsSync(mark) && readFileSync(mark, 'utf8') === fingerprint) return fingerprint;
  if (synthesis.clean) rmSync(synthesis.out, { recursive: true, force: true });
  else rmSync(mark, { force: true });
  await run(synthesis);
  writeFileSync(mark, fingerprint);
  return fingerprint;
}
