/** The picture of the architecture shows the stacks that there are. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { stackParts } from '../../lib/stages.ts';

const picture = readFileSync(join(import.meta.dirname, '../../docs/architecture.svg'), 'utf8');

test('the picture has a frame for every stack, and for no other', () => {
  const frames = [...picture.matchAll(/<tspan class="name">([^<]+)</g)].map(([, name]) => name);
  assert.deepEqual(frames.toSorted(), stackParts.toSorted());
});
