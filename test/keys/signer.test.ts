/** Which key signs, for how long it is remembered, and how a withdrawn one is given up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeProtectedHeader } from 'jose';
import { createSigner } from '../../lib/keys/signer.ts';
import { generateKeyRing, type PrivateKeyRing } from '../../lib/protocol/key-ring.ts';

const [first, second] = [await generateKeyRing(), await generateKeyRing()];

function openSigner() {
  const state = { ring: first as PrivateKeyRing | 'away', loads: 0, now: 0 };
  const load = async () => {
    state.loads++;
    if (state.ring === 'away') throw new Error('away');
    return state.ring;
  };
  const signer = createSigner(load, () => state.now);
  const sign = async () => decodeProtectedHeader(await signer.sign({}, 'ES256', 'at+jwt')).kid;
  return { state, signer, sign };
}
const kid = (ring: PrivateKeyRing) => ring.keys.ES256.active.kid;

test('the key is fetched once, and again after five minutes', async () => {
  const { state, signer, sign } = openSigner();
  assert.deepEqual([await signer.findKeyId('ES256'), await sign(), await sign()], [kid(first), kid(first), kid(first)]);
  state.ring = second;
  state.now += 300_000;
  assert.equal(await sign(), kid(first));
  state.now += 1;
  assert.equal(await sign(), kid(second));
  assert.equal(state.loads, 2);
});

test('a withdrawn key is given up at once, by many requests with few fetches', async () => {
  const { state, signer, sign } = openSigner();
  await sign();
  state.ring = second;
  await Promise.all([1, 2, 3].map(() => signer.abandon(kid(first))));
  assert.equal(await sign(), kid(second));
  assert.ok(state.loads <= 4);
  const { loads } = state;
  await signer.abandon(kid(first));
  assert.equal(state.loads, loads);
});

test('a withdrawn key never signs again, even where there is no other yet or the secret cannot be read', async () => {
  const { state, signer, sign } = openSigner();
  await sign();
  await assert.rejects(signer.abandon(kid(first)), { name: 'KeysUnavailable' });
  state.ring = 'away';
  await assert.rejects(signer.abandon(kid(first)));
  await assert.rejects(sign());
  state.ring = second;
  assert.equal(await sign(), kid(second));
});
