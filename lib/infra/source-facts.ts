/** Reads from the sources what their functions have to be told: the software's version and the migration that it needs. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** `OAUTH2_VERSION` and `OAUTH2_SCHEMA_VERSION` of every function. */
export function readSourceFacts(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const migrations = readdirSync(join(root, 'migrations')).flatMap((name) => /^V(\d+)__/.exec(name)?.[1] ?? []);
  return { OAUTH2_VERSION: version, OAUTH2_SCHEMA_VERSION: String(Math.max(0, ...migrations.map(Number))) };
}
