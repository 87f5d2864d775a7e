/** Bundles each contender's program in the same way, and this server's functions as they are deployed. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundleFunctions, type FunctionSource, functionSources } from '../lib/infra/bundle.ts';

export type ContenderName = 'oauth2' | 'oidc-provider' | 'node-oauth';

/** CommonJS packages in an ES module still want to `require` what Node itself brings. */
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

export interface Program {
  /** As written, with its packages where npm put them: for load, where bundling could only disturb. */
  readonly source: string;
  /** In one file, as quick to start as it can be: for cold starts. */
  readonly bundle: string;
}

export async function bundleProgram(name: ContenderName, folder: string): Promise<Program> {
  const source = fileURLToPath(new URL(`${name}/server.ts`, import.meta.url));
  const outfile = join(folder, `${name}.mjs`);
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    minify: true,
    // It goes by the names of its classes.
    keepNames: name === 'oidc-provider',
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    legalComments: 'none',
    logLevel: 'silent',
    ...(name !== 'oauth2' && { banner: { js: banner } }),
  });
  return { source, bundle: outfile };
}

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Writes the deployed bundles of the functions below `folder`. */
export async function bundleOurFunctions(folder: string): Promise<readonly FunctionSource[]> {
  const sources = functionSources(root);
  await bundleFunctions(sources, folder);
  return sources;
}

/** Size of a bundle on disk, in KB of 1000 bytes: all of it, and what is loaded before the first request. */
export async function measureBundle(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    const info = await stat(join(folder, name));
    if (info.isFile()) bytes += info.size;
  }
  return bytes / 1000;
}
