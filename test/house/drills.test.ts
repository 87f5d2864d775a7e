/** No alarm is left out of the drills. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { alarmNames } from '../../lib/alarms.ts';
import { notProvoked } from '../drills/not-provoked.ts';
import type { RecordedDrill } from '../drills/record.ts';

const recorded = join(import.meta.dirname, '../../docs/drills/alarms.json');

it('each alarm of the table has fired in test/drills/alarms.test.ts, or test/drills/not-provoked.ts says why it cannot', () => {
  const { figures } = JSON.parse(readFileSync(recorded, 'utf8')) as RecordedDrill;
  const fired = new Set(
    Object.entries(figures).flatMap(([name, what]) => (/^fires/.test(String(what)) ? [name.replace(/-.*/, '')] : [])),
  );
  assert.deepEqual(
    alarmNames.filter((name) => !fired.has(name) && !(name in notProvoked)),
    [],
    'make it fire there, or say why not; then OAUTH2_RECORD_DRILLS=1 npm run test:drills and npm run generate',
  );
});
