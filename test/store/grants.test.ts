/** Least privilege by the sources: each role may on each table exactly what a statement of its own functions does. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type ProcedureNeed, procedureNames, procedures } from '../../lib/procedures.ts';
import { openStore } from '../support/store.ts';

const root = join(import.meta.dirname, '../..');

/** The modules of the store that are behind these, by their imports. */
function findStoreModules(files: readonly string[]): string[] {
  const seen = new Set<string>();
  const follow = (file: string) => {
    if (seen.has(file) || !existsSync(file)) return;
    seen.add(file);
    for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import\() *'(\.[^']+\.ts)'/g))
      follow(join(dirname(file), path));
  };
  for (const file of files) follow(join(root, file));
  return [...seen].filter((file) => file.startsWith(join(root, 'lib/store/')));
}

const endpoints = readdirSync(join(root, 'functions/http')).map((name) => `functions/http/${name}/handler.ts`);
// Those that need the schema connect as its owner.
const needs = (name: (typeof procedureNames)[number]): readonly ProcedureNeed[] => procedures[name].needs;
const operating = procedureNames
  .filter((name) => needs(name).includes('database') && !needs(name).includes('schema'))
  .map((name) => `functions/ops/${name}/handler.ts`);

const verbs = {
  INSERT: (table: string) => `insert into ${table}\\b`,
  UPDATE: (table: string) =>
    `(?<!for )update ${table}\\b|insert into ${table}\\b[^\`]*\\bdo update\\b|from ${table}\\b[^\`]* for update\\b`,
  DELETE: (table: string) => `delete from ${table}\\b`,
  SELECT: (table: string) => `(from|join|insert into|update) ${table}\\b`,
} as const;

/** Statements whose table is a parameter. */
const byParameter: Readonly<Record<string, string>> = {
  'token-revocation.ts': 'update token_families update sessions',
};

const store = await openStore();
const granted = await store.admin<{ role: string; name: string; privilege: keyof typeof verbs }[]>`
  select distinct grantee as role, table_name as name, privilege_type as privilege from information_schema.role_column_grants
  where table_schema = 'public' and grantee in ('oauth2_api', 'oauth2_operator') and privilege_type <> 'REFERENCES'
  union select grantee, table_name, privilege_type from information_schema.role_table_grants
  where table_schema = 'public' and grantee in ('oauth2_api', 'oauth2_operator')`;

/** Rights of a role for which no statement of these functions is found. */
function findUnused(role: string, files: readonly string[]): string[] {
  const texts = findStoreModules(files).map(
    (file) => readFileSync(file, 'utf8') + (byParameter[file.split('/').at(-1) ?? ''] ?? ''),
  );
  const rights = granted.filter((right) => right.role === role);
  assert.ok(texts.length > 10 && rights.length > 20, 'nothing was inspected');
  return rights
    .filter(({ name, privilege }) => !texts.some((text) => new RegExp(verbs[privilege](name)).test(text)))
    .map(({ name, privilege }) => `${privilege} on ${name}`);
}

test('least privilege: a statement of the request path needs each right that its role has', () => {
  assert.deepEqual(findUnused('oauth2_api', endpoints), []);
});

test('least privilege: a statement of the procedures without the schema needs each right that their role has', () => {
  assert.deepEqual(findUnused('oauth2_operator', operating), []);
});
