/** Keeps the figures of a drill below docs/drills/, from which docs/drills.md is written. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

export interface Drill {
  /** In kebab-case; the name of its file. */
  readonly name: string;
  /** What the drill does and shows, in a sentence without its full stop. */
  readonly shows?: string;
  /** A short phrase with its unit for each value: `{ 'recovery time, s': 12.4, 'tables compared': 14 }`. */
  readonly figures: Readonly<Record<string, number | string>>;
}

export interface RecordedDrill extends Drill {
  readonly recorded_on: string;
  readonly machine: string;
}

const folder = join(import.meta.dirname, '../../docs/drills');

/**
 * Writes docs/drills/<name>.json where OAUTH2_RECORD_DRILLS is 1; otherwise only checks the figures, so that a test run changes no file.
 * @throws {AssertionError} for a name or a figure that the table could not show
 */
export function recordDrill({ name, shows, figures }: Drill): void {
  assert.match(name, /^[a-z][a-z0-9-]*$/);
  const entries = Object.entries(figures);
  assert.ok(entries.length > 0, `${name} has no figures`);
  for (const [figure, value] of entries) {
    assert.doesNotMatch(`${figure}${value}`, /[|\n]/);
    assert.ok(typeof value === 'string' || Number.isFinite(value), `${name}: ${figure} is ${value}`);
  }
  if (process.env.OAUTH2_RECORD_DRILLS !== '1') return;
  const drill: RecordedDrill = {
    name,
    ...(shows !== undefined && { shows }),
    recorded_on: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`,
    figures,
  };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(drill, null, 2)}\n`);
}
