/** No alarm is left out of the drills: each has fired in the one that the table names, as docs/drills/ shows. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { alarmNames } from '../../lib/alarms.ts';
import type { RecordedDrill } from '../drills/record.ts';
import { placeOf } from '../drills/where-alarms-fire.ts';

const root = join(import.meta.dirname, '../..');
const recorded = join(root, 'docs/drills');

it('each alarm of the table has fired in a drill', () => {
  const drills = readdirSync(recorded).map((file) => JSON.parse(readFileSync(join(recorded, file), 'utf8')) as RecordedDrill);
  const fired = new Set(
    drills.flatMap(({ figures }) =>
      Object.entries(figures).flatMap(([name, what]) => (/^fires/.test(String(what)) ? [name.replace(/-.*/, '')] : [])),
    ),
  );
  assert.deepEqual(
    alarmNames.filter((name) => !fired.has(name)),
    [],
    'then OAUTH2_RECORD_DRILLS=1 npm run test:drills, and test:aws, and npm run generate',
  );
});

it('the drill that the table names for an alarm speaks of it', () => {
  for (const name of alarmNames) assert.match(readFileSync(join(root, placeOf(name)), 'utf8'), new RegExp(`\\b${name}\\b`));
});
