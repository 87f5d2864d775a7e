/** Breaks a copy of the server in each known way and shows that the suite notices: `npm run test:mutation [text]`. */
import { spawn } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, env, execPath, exit, stdout } from 'node:process';
import { globalSetup, globalTeardown } from '../support/postgres.ts';
import { type Mutant, mutants } from './mutants.ts';

const root = join(import.meta.dirname, '../..');
/** Longest run of the tests of one mutant, in milliseconds. */
const limit = 300_000;
/** Mutants that are tried at the same time. */
const workers = 2;

function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'oauth2-mutant-'));
  for (const name of ['bin', 'lib', 'functions', 'migrations', 'test', 'package.json', 'cdk.json']) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** Runs the tests of a mutant in the copy. @returns how many tests failed */
function runTests(copy: string, mutant: Mutant | undefined, files: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const { NODE_TEST_CONTEXT: _, ...environment } = env;
    const child = spawn(execPath, ['--test', '--test-reporter=tap', ...files], { cwd: copy, env: environment, timeout: limit });
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
    });
    child.stderr.resume();
    child.on('error', reject);
    child.on('close', () => {
      const [, failed] = /^# fail (\d+)$/m.exec(text) ?? [];
      const [, ran] = /^# tests (\d+)$/m.exec(text) ?? [];
      if (failed === undefined || Number(ran) === 0)
        reject(new Error(`the tests of "${mutant?.breaks ?? 'nothing'}" did not run:\n${text.slice(-2000)}`));
      else resolve(Number(failed));
    });
  });
}

function findTests(copy: string, mutant: Mutant): string[] {
  return mutant.tests.flatMap((pattern) => {
    const found = globSync(join('test', pattern), { cwd: copy });
    if (found.length === 0) throw new Error(`no test file matches test/${pattern}, for "${mutant.breaks}"`);
    return found;
  });
}

/** @throws {Error} where the text to be replaced does not stand once in the mutant's file */
function readTarget(copy: string, mutant: Mutant): string {
  const text = readFileSync(join(copy, mutant.file), 'utf8');
  if (text.split(mutant.find).length !== 2)
    throw new Error(`"${mutant.find}" does not stand once in ${mutant.file}: mend the mutant "${mutant.breaks}"`);
  return text;
}

/** Breaks the copy. @returns what heals it */
function plant(copy: string, mutant: Mutant): () => void {
  const path = join(copy, mutant.file);
  const text = readTarget(copy, mutant);
  writeFileSync(
    path,
    text.replace(mutant.find, () => mutant.replace),
  );
  return () => writeFileSync(path, text);
}

const chosen = mutants.filter(({ breaks }) => breaks.includes(argv[2] ?? ''));
const survivors: string[] = [];
for (const mutant of chosen) readTarget(root, mutant);

/** Takes mutants from the list until it is empty, each in this copy alone. */
async function work(copy: string, waiting: Mutant[]): Promise<void> {
  for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
    const heal = plant(copy, mutant);
    const started = performance.now();
    const noticed = await runTests(copy, mutant, findTests(copy, mutant));
    heal();
    if (noticed === 0) survivors.push(mutant.breaks);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    stdout.write(`${noticed > 0 ? 'caught  ' : 'SURVIVED'} ${mutant.breaks} (${noticed} tests failed, ${seconds} s)\n`);
  }
}

await globalSetup();
const copies = Array.from({ length: workers }, copyTree);
try {
  const [first = ''] = copies;
  const failed = await runTests(first, undefined, [...new Set(chosen.flatMap((mutant) => findTests(first, mutant)))]);
  if (failed > 0) throw new Error(`${failed} tests fail without any mutant: nothing can be told`);
  const waiting = [...chosen];
  await Promise.all(copies.map((copy) => work(copy, waiting)));
} finally {
  await globalTeardown();
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
}
stdout.write(`${chosen.length - survivors.length} passed, ${survivors.length} failed\n`);
exit(survivors.length === 0 && chosen.length > 0 ? 0 : 1);
