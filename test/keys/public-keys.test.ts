/** How a sandbox keeps the published keys: a new one is found at once, made-up ones do not make it read on and on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKeyFinder } from '../../lib/keys/public-keys.ts';
import { generateKeyRing, listPublicKeys } from '../../lib/protocol/key-ring.ts';

const [first, second] = [listPublicKeys(await generateKeyRing()), listPublicKeys(await generateKeyRing())];
const kidOf = (keys: typeof first) => keys[0]?.kid ?? '';

function openFinder() {
  const state = { keys: first, loads: 0, now: 0 };
  const load = async () => {
    state.loads++;
    return state.keys;
  };
  return { state, find: createKeyFinder(load, () => state.now) };
}

test('a key that was published a moment ago is found, and a withdrawn one is forgotten after five minutes', async () => {
  const { state, find } = openFinder();
  assert.ok(await find(kidOf(first)));
  state.keys = [...first, ...second];
  assert.ok(await find(kidOf(second)));
  assert.equal(state.loads, 2);
  state.keys = second;
  state.now += 300_000;
  assert.ok(await find(kidOf(first)));
  state.now += 1;
  assert.equal(await find(kidOf(first)), undefined);
});

test('made-up key ids make the table be read a few times, then once in five seconds', async () => {
  const { state, find } = openFinder();
  await find(kidOf(first));
  for (let index = 0; index < 100; index++) await find(`made up ${index}`);
  assert.equal(state.loads, 6);
  for (let second = 0; second < 20; second++) {
    state.now += 1000;
    for (let index = 0; index < 10; index++) await find(`made up ${second} ${index}`);
  }
  assert.ok(state.loads <= 6 + 5, `${state.loads}`);
});
