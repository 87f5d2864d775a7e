/** Every test that docs/threat-model.md names as proof of a control exists under that name. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Procedure, procedureNames, procedures } from '../../lib/procedures.ts';
import { routeNames, routes } from '../../lib/routes.ts';

const root = join(import.meta.dirname, '../..');

interface Reference {
  readonly file: string;
  readonly name: string;
}

/** `test/x.test.ts`: “name”; “another name”. A name that is broken over lines is one name. */
function listReferences(page: string): Reference[] {
  const text = page.replace(/\s+/g, ' ');
  return [...text.matchAll(/`(test\/[^`]+\.ts)`: ((?:“[^”]+”(?:; )?)+)/g)].flatMap(([, file, names]) =>
    [...(names as string).matchAll(/“([^”]+)”/g)].map(([, name]) => ({ file: file as string, name: name as string })),
  );
}

/** The titles of a test file as they are written; what a template inserts at the start stays out. */
function titlesOf(source: string): string[] {
  return [...source.matchAll(/\b(?:test|it)\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g)].map(
    ([, single, double, template]) => (single ?? double ?? template ?? '').replace(/\\(.)/g, '$1').replace(/^\$\{name\} /, ''),
  );
}

/** What is wrong with the references, in words. */
function findBroken(references: readonly Reference[]): string[] {
  return references.flatMap(({ file, name }) => {
    const path = join(root, file);
    if (!existsSync(path)) return [`${file} is not there`];
    return titlesOf(readFileSync(path, 'utf8')).includes(name) ? [] : [`${file} has no test "${name}"`];
  });
}

const page = readFileSync(join(root, 'docs/threat-model.md'), 'utf8');
const references = listReferences(page);

test('every test that the threat model names exists', () => {
  assert.ok(references.length > 50, `${references.length} references found`);
  assert.deepEqual(findBroken(references), []);
});

test('every quoted name belongs to a file', () => {
  assert.equal([...page.matchAll(/“/g)].length, references.length);
});

test('a file or a test that is gone is named', () => {
  const gone = { file: 'test/nowhere.test.ts', name: 'anything' };
  const renamed = { file: 'test/house/threat-model.test.ts', name: 'no such test' };
  assert.deepEqual(findBroken([gone, renamed]), [
    'test/nowhere.test.ts is not there',
    'test/house/threat-model.test.ts has no test "no such test"',
  ]);
});

test('each section on an attacker shows a control or says what is missing', () => {
  const sections = page.split(/^## /m).slice(3, -1);
  for (const section of sections)
    assert.ok(listReferences(section).length > 0 || /Missing/.test(section), `"${section.split('\n')[0]}" names no test`);
});

test('each function that has more than the database is named with what an attacker in it can and cannot do', () => {
  const ordinary = new Set(['database', 'migrations', 'postgres-programs']);
  const needs = new Map<string, readonly string[]>([
    ...routeNames.map((name) => [name, routes[name].needs] as const),
    ...procedureNames.map((name) => [name, (procedures[name] as Procedure).needs] as const),
  ]);
  const special = [...needs].filter(([, list]) => list.some((need) => !ordinary.has(need))).map(([name]) => name);
  const [table = ''] = page.split('| Function | *Can* | *Cannot* |').slice(1);
  const named = [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, names]) => [...(names as string).matchAll(/`([^`]+)`/g)]);
  const missing = special.filter((name) => !named.some(([, found]) => found === name));
  assert.ok(special.length > 5);
  assert.deepEqual(missing, []);
});
