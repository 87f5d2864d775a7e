/** Bundles every function's handler into a folder of its own: one esbuild call each, all at once. */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';
import { procedureNames, procedures } from '../procedures.ts';
import { routeNames } from '../routes.ts';

export interface FunctionSource {
  readonly name: string;
  /** Absolute path of the file that exports `handler`. */
  readonly file: string;
  /** Folder whose `*.sql` files the bundle carries in `migrations/`. */
  readonly migrations?: string;
  /** File by which the bundle becomes a container image, where the stage has those. */
  readonly dockerfile?: string;
}

export interface Bundle {
  readonly name: string;
  readonly folder: string;
  /** Bytes on disk of everything in the folder. */
  readonly bytes: number;
  /** Which source or package went into which file of the bundle, as esbuild tells it. */
  readonly metafile: Metafile;
}

/**
 * Where the handler of every row of the route and procedure tables is.
 * @throws {Error} naming each handler that does not exist
 */
export function functionSources(root: string): FunctionSource[] {
  const sources: FunctionSource[] = [
    ...routeNames.map((name) => ({ name, file: join(root, 'functions/http', name, 'handler.ts') })),
    ...procedureNames.map((name) => ({
      name,
      file: join(root, 'functions/ops', name, 'handler.ts'),
      ...(procedures[name].needs.some((need) => need === 'schema' || need === 'migrations') && {
        migrations: join(root, 'migrations'),
      }),
      ...(procedures[name].needs.some((need) => need === 'postgres-programs') && {
        dockerfile: join(root, 'lib/infra/postgres-programs/Dockerfile'),
      }),
    })),
  ];
  const missing = sources.filter(({ file }) => !existsSync(file)).map(({ file }) => relative(root, file));
  if (missing.length > 0) throw new Error(`no handler at ${missing.join(', ')}; each row of the tables needs its own`);
  return sources;
}

/** The code that CloudFormation calls in a deploy: to run procedures in its middle, and to record the release at its end. No rows of a table. */
export function deployStepSources(root: string): FunctionSource[] {
  return [
    { name: 'deploy-step', file: join(root, 'lib/infra/deploy-step/handler.ts') },
    { name: 'record-release', file: join(root, 'lib/infra/deploy-step/record-release.ts') },
  ];
}

/**
 * Writes `<out>/<name>/index.mjs` and its chunks for every source; a folder from before is replaced.
 * @throws {Error} esbuild's own, naming file and line, when a handler cannot be bundled
 */
export async function bundleFunctions(sources: readonly FunctionSource[], out: string): Promise<Map<string, Bundle>> {
  const bundles = await Promise.all(sources.map((source) => bundleFunction(source, join(out, source.name))));
  return new Map(bundles.map((bundle) => [bundle.name, bundle]));
}

/** Leaves out what the AWS SDK would ask a browser with: 34 KB that no function ever loads. */
const withoutBrowsers: Plugin = {
  name: 'without-browsers',
  setup(step) {
    step.onResolve({ filter: /^bowser$/ }, ({ path }) => ({ path, namespace: 'left-out' }));
    step.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: '' }));
  },
};

async function bundleFunction({ name, file, migrations, dockerfile }: FunctionSource, folder: string): Promise<Bundle> {
  rmSync(folder, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: [{ in: file, out: 'index' }],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // The module builds need no `createRequire` banner.
    mainFields: ['module', 'main'],
    legalComments: 'none',
    metafile: true,
    plugins: [withoutBrowsers],
    logLevel: 'silent',
  });
  if (dockerfile !== undefined) cpSync(dockerfile, join(folder, 'Dockerfile'));
  if (migrations !== undefined) copyMigrations(migrations, join(folder, 'migrations'));
  return { name, folder, bytes: bytesIn(folder), metafile };
}

function copyMigrations(from: string, to: string): void {
  const files = existsSync(from) ? readdirSync(from).filter((file) => file.endsWith('.sql')) : [];
  if (files.length === 0) throw new Error(`no *.sql in ${from}; a procedure that needs the schema carries the migrations`);
  mkdirSync(to, { recursive: true });
  for (const file of files) cpSync(join(from, file), join(to, file));
}

function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
