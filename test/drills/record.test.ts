/** The figures of a drill are checked before they are kept. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { recordDrill } from './record.ts';

it('a drill without figures, or with one that is no number, is refused', () => {
  assert.throws(() => recordDrill({ name: 'tried', figures: {} }), /tried has no figures/);
  assert.throws(() => recordDrill({ name: 'tried', figures: { 'time, s': Number.NaN } }), /time, s is NaN/);
  assert.throws(() => recordDrill({ name: '../tried', figures: { a: 1 } }), /did not match/);
});

it('a run that records nothing writes no file', () => {
  const recording = process.env.OAUTH2_RECORD_DRILLS;
  delete process.env.OAUTH2_RECORD_DRILLS;
  try {
    recordDrill({ name: 'never-recorded', figures: { 'time, s': 1 } });
  } finally {
    if (recording !== undefined) process.env.OAUTH2_RECORD_DRILLS = recording;
  }
  assert.equal(existsSync(join(import.meta.dirname, '../../docs/drills/never-recorded.json')), false);
});
