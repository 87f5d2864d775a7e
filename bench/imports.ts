/** Measures each function's bundle: its size, and how long a fresh Node takes to import it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { FunctionSource } from '../lib/infra/bundle.ts';
import { procedures } from '../lib/procedures.ts';
import { routes } from '../lib/routes.ts';
import { median } from './load.ts';
import { measureBundle } from './programs.ts';

const execute = promisify(execFile);

export interface BundleFigures {
  readonly name: string;
  readonly kind: 'http' | 'procedure';
  readonly needs: readonly string[];
  readonly kilobytes: number;
  readonly import_ms: number;
  readonly within: boolean;
}

/** The aims for one bundle, by whether it is a procedure's and whether it reads secrets. */
const aims = {
  plain: { kilobytes: 120, import_ms: 35 },
  procedural: { kilobytes: 125, import_ms: 35 },
  secrets: { kilobytes: 450, import_ms: 40 },
} as const;
/** What reads a secret: its folder holds the Secrets Manager client, which it imports when it needs it. */
const secretNeeds: readonly string[] = ['signing', 'administration'];

async function importOnce(file: string, environment: Record<string, string>): Promise<number> {
  const code = `const t = performance.now(); await import(${JSON.stringify(pathToFileURL(file).href)}); process.stdout.write(String(performance.now() - t)); process.exit(0);`;
  const env = { PATH: process.env.PATH ?? '', ...environment };
  const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', code], { env, timeout: 10_000 });
  return Number(stdout);
}

/** @param times imports of each function, one function after another so that a slow moment hits none alone */
export async function measureImports(
  sources: readonly FunctionSource[],
  folder: string,
  environment: Record<string, string>,
  times: number,
): Promise<BundleFigures[]> {
  const samples = sources.map((): number[] => []);
  for (let time = 0; time < times; time++)
    for (const [at, { name }] of sources.entries())
      samples[at]?.push(await importOnce(join(folder, name, 'index.mjs'), environment));
  return Promise.all(
    sources.map(async ({ name }, at) => {
      const http = name in routes;
      const needs: readonly string[] = http
        ? routes[name as keyof typeof routes].needs
        : procedures[name as keyof typeof procedures].needs;
      const kilobytes = await measureBundle(join(folder, name));
      const import_ms = median(samples[at] ?? []);
      const aim = aims[needs.some((need) => secretNeeds.includes(need)) ? 'secrets' : http ? 'plain' : 'procedural'];
      const within = kilobytes <= aim.kilobytes && import_ms <= aim.import_ms;
      return { name, kind: http ? ('http' as const) : ('procedure' as const), needs, kilobytes, import_ms, within };
    }),
  );
}
