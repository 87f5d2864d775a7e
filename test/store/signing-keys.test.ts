/** The public halves of the signing keys, on a real Postgres. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyRing, listPublicKeys } from '../../lib/protocol/key-ring.ts';
import { insertSigningKeys, listPublishedKeys } from '../../lib/store/signing-keys.ts';
import { now, secondsLater } from '../support/protocol-values.ts';
import { atOnce, openStore } from '../support/store.ts';

const store = await openStore();
const operator = store.open({ user: 'oauth2_operator', connections: 10 });
const keys = listPublicKeys(await generateKeyRing());
const byKid = <Key extends { kid: string }>(list: readonly Key[]) => list.toSorted((a, b) => (a.kid < b.kid ? -1 : 1));

test('J5: a ring recorded by several at once is there once, active and next keys alike', async () => {
  const counts = await atOnce(10, () => insertSigningKeys(operator, keys, now));
  assert.equal(
    counts.reduce((sum, count) => sum + count),
    keys.length,
  );
  assert.deepEqual(byKid(await listPublishedKeys(store.db)), byKid(keys));
});

test('J5: a key that is known keeps its state', async () => {
  const pending = keys.find(({ state }) => state === 'pending');
  assert.ok(pending);
  assert.equal(await insertSigningKeys(operator, [{ ...pending, state: 'retiring' }], secondsLater(60)), 0);
  const published = await listPublishedKeys(store.db);
  assert.equal(published.find(({ kid }) => kid === pending.kid)?.state, 'pending');
});

test('J5: a retiring key is published, a retired one is not', async () => {
  const [one, other] = listPublicKeys(await generateKeyRing()).filter(({ state }) => state === 'pending');
  assert.ok(one && other);
  await insertSigningKeys(
    operator,
    [
      { ...one, state: 'retiring' },
      { ...other, state: 'retired' },
    ],
    now,
  );
  const kids = (await listPublishedKeys(store.db)).map(({ kid }) => kid);
  assert.deepEqual([kids.includes(one.kid), kids.includes(other.kid)], [true, false]);
});

test('one key of an algorithm is active: a second one is refused', async () => {
  const second = listPublicKeys(await generateKeyRing()).filter(({ state }) => state === 'active');
  await assert.rejects(insertSigningKeys(operator, second, now), { code: '23505' });
});
