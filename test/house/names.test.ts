/** One folder = one Lambda function = one row = one name: tables, folders, tests and runbook pages agree. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pageNames } from '../../lib/pages.ts';
import { type Procedure, procedureNames, procedures, toolProcedureNames } from '../../lib/procedures.ts';
import { routeNames } from '../../lib/routes.ts';

const root = join(import.meta.dirname, '../..');
const allProcedures = [...procedureNames, ...toolProcedureNames];
const foldersOf = (path: string) =>
  readdirSync(join(root, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

test('each row of the route table has its folder, and each folder its row', () => {
  assert.deepEqual(foldersOf('functions/http'), [...routeNames].sort());
});

test('each row of the procedure table that is a function has its folder, and each folder its row', () => {
  assert.deepEqual(foldersOf('functions/ops'), [...procedureNames].sort());
});

test('each row that the tool carries out itself has its file', () => {
  const missing = toolProcedureNames.filter(
    (name) => !['releases', 'incident', 'observe', 'recovery'].some((room) => existsSync(join(root, `lib/${room}/${name}.ts`))),
  );
  assert.deepEqual(missing, []);
});

test('each row of the table runs by itself or on command', () => {
  for (const name of allProcedures) {
    const { command, schedule, occasion }: Procedure = procedures[name];
    assert.ok(command || schedule || occasion, name);
  }
});

test('each function has a handler.ts that exports a handler', () => {
  for (const folder of [...routeNames.map((name) => `http/${name}`), ...procedureNames.map((name) => `ops/${name}`)]) {
    assert.match(readFileSync(join(root, 'functions', folder, 'handler.ts'), 'utf8'), /^export const handler = /m, folder);
  }
});

test('each endpoint and each procedure has a test of its own name', () => {
  const wanted = [
    ...routeNames.map((name) => `test/functions/http/${name}.test.ts`),
    ...procedureNames.map((name) => `test/ops/${name}.test.ts`),
    ...toolProcedureNames.map((name) => `test/cli/${name}.test.ts`),
  ];
  assert.deepEqual(
    wanted.filter((path) => !existsSync(join(root, path))),
    [],
  );
});

test('each procedure that the tool offers, and each task of the table of pages, has a runbook page with every section', () => {
  const sections = ['When', 'Look', 'Do', 'Verify', 'Undo', 'Why it is safe'];
  const offered = allProcedures.filter((candidate) => (procedures[candidate] as Procedure).command);
  for (const name of [...offered, ...pageNames]) {
    const page = readFileSync(join(root, 'runbooks', `${name}.md`), 'utf8');
    for (const section of sections)
      assert.match(page, new RegExp(`^## ${section}$`, 'm'), `runbooks/${name}.md lacks "## ${section}"`);
    assert.ok(page.split('\n').length <= 90, `runbooks/${name}.md is longer than a screen and a half`);
  }
});

test('each runbook page belongs to a procedure or is a row of the table of pages', () => {
  const pages = readdirSync(join(root, 'runbooks')).filter((name) => name.endsWith('.md') && name !== 'README.md');
  assert.ok(pages.length > 0);
  for (const page of pages)
    assert.ok(
      [...allProcedures, ...pageNames].includes(page.slice(0, -3) as never),
      `runbooks/${page} belongs to no procedure and is no row of lib/pages.ts`,
    );
});
