/** The import rule: the linter refuses what the map of the house forbids, and finds nothing of it in the tree. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');

const forbidden: readonly (readonly [string, string])[] = [
  ['lib/routes.ts', './protocol/client.ts'],
  ['lib/protocol/planted.ts', '../store/clients.ts'],
  ['lib/protocol/planted.ts', 'postgres'],
  ['lib/protocol/planted.ts', '@aws-sdk/client-secrets-manager'],
  ['lib/store/planted.ts', '../http/request.ts'],
  ['lib/store/planted.ts', '../keys/signer.ts'],
  ['lib/keys/planted.ts', '../store/clients.ts'],
  ['lib/http/planted.ts', '../store/clients.ts'],
  ['lib/flows/planted.ts', '../ops/procedure.ts'],
  ['lib/ops/planted.ts', '../http/request.ts'],
  ['lib/infra/planted.ts', '../protocol/client.ts'],
  ['lib/local/planted.ts', '../ops/procedure.ts'],
  ['lib/cli/planted.ts', '../store/clients.ts'],
  ['lib/releases/planted.ts', '../store/clients.ts'],
  ['lib/releases/planted.ts', '../infra/app.ts'],
  ['lib/observe/planted.ts', '../store/clients.ts'],
  ['lib/incident/planted.ts', '../store/clients.ts'],
  ['lib/recovery/planted.ts', '../store/clients.ts'],
  ['lib/database-procedures.ts', './store/clients.ts'],
  ['functions/http/home/planted.ts', '../token/parts.ts'],
  ['functions/http/home/planted.ts', '../../../lib/ops/procedure.ts'],
  ['functions/ops/status/planted.ts', '../../../lib/http/request.ts'],
];

const allowed = ['functions/http/home/planted.ts', '../../../lib/store/clients.ts'] as const;

/** Lints a copy of the rule over files that each import one thing; the findings by file. */
function lintPlanted(): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'oauth2-imports-'));
  try {
    copyFileSync(join(root, 'biome.json'), join(folder, 'biome.json'));
    const planted = [...forbidden, allowed].map(([path, imported], at) => ({
      path: path.replace('planted', `planted-${at}`),
      imported,
    }));
    for (const { path, imported } of planted) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), `import { planted } from '${imported}';\nexport const used = planted;\n`);
    }
    const arguments_ = ['lint', '--vcs-enabled=false', '--max-diagnostics=none', '--reporter=github', '.'];
    const { stdout } = spawnSync(join(root, 'node_modules/.bin/biome'), arguments_, { cwd: folder, encoding: 'utf8' });
    const findings = stdout.split('\n').filter((line) => line.includes('noRestrictedImports'));
    return new Map(planted.map(({ path }) => [path, findings.filter((line) => line.includes(`/${path},`)).join('\n')]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const findings = lintPlanted();

for (const [at, [path, imported]] of forbidden.entries()) {
  test(`${path.replace('/planted.ts', '')} may not import ${imported}`, () => {
    assert.match(findings.get(path.replace('planted', `planted-${at}`)) ?? '', /noRestrictedImports/);
  });
}

test('what is allowed is not refused', () => {
  assert.equal(findings.get(allowed[0].replace('planted', `planted-${forbidden.length}`)), '');
});
