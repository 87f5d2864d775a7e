/** Each function's bundle holds what it needs and nothing else; what leaks is named. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Bundle, bundleFunctions, deployStepSources, functionSources } from '../../lib/infra/bundle.ts';
import { type Procedure, procedureNames, procedures } from '../../lib/procedures.ts';
import { routeNames, routes } from '../../lib/routes.ts';

const root = resolve(import.meta.dirname, '../..');

/** Bytes on disk of an endpoint's bundle without the AWS SDK, of a procedure's, with the client for secrets, and with that for storage or for RDS. */
const small = 120_000;
const procedural = 125_000;
const large = 450_000;
const largest = 675_000;

const needsOf = new Map<string, readonly string[]>([
  ...routeNames.map((name) => [name, routes[name].needs] as const),
  ...procedureNames.map((name) => [name, (procedures[name] as Procedure).needs] as const),
]);

/** Packages that any function may hold, and those that come with a need. */
const common = [
  '@middy/core',
  '@aws-lambda-powertools/commons',
  '@aws-lambda-powertools/metrics',
  '@aws/lambda-invoke-store',
  'jose',
];
const sdk = /^(@aws-sdk\/|@smithy\/|@aws-crypto\/|@aws\/|tslib$|fast-xml|strnum$|uuid$|@nodable\/)/;

describe('the bundle of', () => {
  let out: string;
  let bundles: ReadonlyMap<string, Bundle>;
  before(async () => {
    out = mkdtempSync(join(tmpdir(), 'oauth2-bundles-'));
    bundles = await bundleFunctions(functionSources(root), out);
  });
  after(() => rmSync(out, { recursive: true, force: true }));

  for (const [name, needs] of needsOf) {
    const most =
      readsBackups(needs) || needs.includes('instances')
        ? largest
        : callsAws(needs)
          ? large
          : name in routes
            ? small
            : procedural;
    const bundleOf = () => bundles.get(name) as Bundle;

    it(`${name} holds nothing that its needs (${needs.join(', ') || 'none'}) do not explain`, () => {
      const leaked = [...inputsOf(bundleOf())]
        .filter(([input, bytes]) => bytes > 0 && !belongs(input, name, needs))
        .map(([input]) => input);
      assert.deepEqual(leaked, [], `leaked into ${name}`);
    });

    it(`${name} takes at most ${most / 1000} KB`, () => {
      const { bytes } = bundleOf();
      assert.ok(bytes <= most, `${name} takes ${Math.ceil(bytes / 1000)} KB: ${heaviest(bundleOf())}`);
    });

    it(`${name} loads the AWS SDK, where it has it, only when it asks for it`, () => {
      const eager = [...inputsOf(bundleOf(), true).keys()].map(packageOf).filter((name) => name.startsWith('@aws-sdk/'));
      assert.deepEqual([...new Set(eager)], []);
      const any = [...inputsOf(bundleOf()).keys()].some((input) => packageOf(input).startsWith('@aws-sdk/'));
      assert.ok(carriesSdk(needs) || !any);
    });

    it(`${name} stands on its own: it imports its own files and Node`, () => {
      const foreign = Object.values(bundleOf().metafile.outputs)
        .flatMap(({ imports }) => imports)
        .filter(({ path, external }) => external && !path.startsWith('node:') && !builtinModules.includes(path));
      assert.deepEqual(foreign, []);
    });

    const carries = needs.includes('schema') || needs.includes('migrations');
    it(`${name} carries the migrations ${carries ? 'that there are' : 'not'}`, () => {
      const folder = join(bundleOf().folder, 'migrations');
      if (!carries) return assert.ok(!existsSync(folder));
      const wanted = readdirSync(join(root, 'migrations')).filter((file) => file.endsWith('.sql'));
      assert.deepEqual(readdirSync(folder).toSorted(), wanted.toSorted());
    });
  }

  /** Whether a file of the project or of a package has its place in a function with these needs. */
  function belongs(input: string, name: string, needs: readonly string[]): boolean {
    const pack = packageOf(input);
    if (pack === '') return /^(functions|lib\/(?!infra\/|local\/))/.test(input) || /^lib\/[\w-]+\.ts$/.test(input);
    if (common.includes(pack)) return true;
    // The wrapper of every procedure writes the audit log where there is a database to write to.
    if (pack === 'postgres') return needs.includes('database') || (procedureNames as readonly string[]).includes(name);
    return carriesSdk(needs) && sdk.test(pack);
  }
});

describe('bundling', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'oauth2-sources-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function source(name: string, text: string) {
    const file = join(folder, name, 'handler.ts');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return { name, file };
  }

  it('names each handler that a row has and the tree has not', () => {
    assert.throws(
      () => functionSources(folder),
      /no handler at functions\/http\/authorize\/handler\.ts, .*functions\/ops\/migrate\/handler\.ts/,
    );
  });

  it('names the file and the line that cannot be bundled', async () => {
    const broken = source('broken', 'export const handler = 1;\nimport "./not-there.ts";\n');
    await assert.rejects(bundleFunctions([broken], join(folder, 'out')), /broken\/handler\.ts:2:\d+.*not-there/s);
  });

  it('refuses a procedure that needs the schema where there are no migrations', async () => {
    const bare = source('bare', 'export const handler = () => 1;\n');
    await assert.rejects(
      bundleFunctions([{ ...bare, migrations: join(folder, 'none') }], join(folder, 'out')),
      /no \*\.sql in .*none/,
    );
  });

  it('leaves nothing of the bundle from before', async () => {
    const twice = source('twice', 'export const handler = () => import("./later.ts");\n');
    writeFileSync(join(folder, 'twice/later.ts'), 'export const later = 1;\n');
    const first = (await bundleFunctions([twice], join(folder, 'out'))).get('twice') as Bundle;
    assert.equal(readdirSync(first.folder).length, 2);
    source('twice', 'export const handler = () => 2;\n');
    const second = (await bundleFunctions([twice], join(folder, 'out'))).get('twice') as Bundle;
    assert.deepEqual(readdirSync(second.folder), ['index.mjs']);
  });

  it('makes of each step of a deploy one that stands on its own', async () => {
    const bundles = await bundleFunctions(deployStepSources(root), join(folder, 'out'));
    assert.deepEqual([...bundles.keys()], ['deploy-step', 'record-release']);
    for (const bundle of bundles.values()) {
      const { handler } = (await import(join(bundle.folder, 'index.mjs'))) as { handler: unknown };
      assert.equal(typeof handler, 'function');
    }
  });
});

/** Whether a function with these needs calls Secrets Manager or EventBridge, for which it carries the AWS SDK. */
function callsAws(needs: readonly string[]): boolean {
  return needs.some(
    (need) =>
      need === 'signing' || need === 'signing-write' || need === 'administration' || need === 'events' || need === 'instances',
  );
}

function readsBackups(needs: readonly string[]): boolean {
  return needs.some((need) => need === 'backups' || need === 'backups-write' || need === 'trail-write');
}

function carriesSdk(needs: readonly string[]): boolean {
  return callsAws(needs) || readsBackups(needs);
}

/** Every file in the bundle with its bytes in there; `eager`: only what loading `index.mjs` loads. */
function inputsOf({ metafile: { outputs } }: Bundle, eager = false): Map<string, number> {
  const entry = Object.keys(outputs).find((path) => path.endsWith('/index.mjs')) as string;
  const pending = eager ? [entry] : Object.keys(outputs);
  const seen = new Set(pending);
  const inputs = new Map<string, number>();
  for (const path of pending) {
    const output = outputs[path];
    for (const [input, { bytesInOutput }] of Object.entries(output?.inputs ?? {})) {
      const own = relative(root, resolve(input));
      inputs.set(own, (inputs.get(own) ?? 0) + bytesInOutput);
    }
    for (const { path: next, kind, external } of output?.imports ?? []) {
      if (external || kind !== 'import-statement' || seen.has(next)) continue;
      seen.add(next);
      pending.push(next);
    }
  }
  return inputs;
}

/** `@aws-sdk/core` of a path below `node_modules`, `''` of the project's own. */
function packageOf(input: string): string {
  const [, name = ''] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input) ?? [];
  return name;
}

/** The five packages that weigh most, for the one who has to find what grew. */
function heaviest(bundle: Bundle): string {
  const weights = new Map<string, number>();
  for (const [input, bytes] of inputsOf(bundle)) {
    const name = packageOf(input) || 'the project';
    weights.set(name, (weights.get(name) ?? 0) + bytes);
  }
  const sorted = [...weights].toSorted(([, a], [, b]) => b - a).slice(0, 5);
  return sorted.map(([name, bytes]) => `${name} ${Math.ceil(bytes / 1000)}`).join(', ');
}
