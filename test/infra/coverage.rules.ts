/** docs/aws-coverage.md names every resource type, says rightly whether the emulator gets it, and points to tests that there are. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { synthesise } from './templates.ts';

const root = join(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'docs/aws-coverage.md'), 'utf8');

describe('docs/aws-coverage.md', async () => {
  const typesOf = async (stage: string) => new Set((await synthesise(stage)).all.map(({ type }) => type));
  const [complete, production, emulator] = await Promise.all(['complete', 'production', 'emulator'].map(typesOf));
  const rows = [...text.matchAll(/^\| ((?:AWS|Custom)::\S+) \| (yes|no)\b[^|]* \| (.*) \|$/gm)].map(
    ([, type = '', deployed = '', proof = '']) => ({ type, deployed, proof }),
  );

  it('has a row for every type of the templates, in their order, and for no other', () => {
    const types = new Set([...(complete ?? []), ...(production ?? []), ...(emulator ?? [])]);
    assert.ok(types.size > 40);
    assert.deepEqual(
      rows.map(({ type }) => type),
      [...types].sort(),
    );
  });

  it('says of each type whether the emulator gets it', () => {
    const wrong = rows.filter(({ type, deployed }) => (deployed === 'yes') !== emulator?.has(type));
    assert.deepEqual(wrong, []);
  });

  it('points from each row to a test that there is', () => {
    assert.deepEqual(
      rows.filter(({ proof }) => !proof.includes('`test/')),
      [],
    );
    const files = [...text.matchAll(/`(test\/[\w./-]+\.\w+)`/g)].map(([, file = '']) => file);
    assert.deepEqual(
      files.filter((file) => !existsSync(join(root, file))),
      [],
    );
  });
});
