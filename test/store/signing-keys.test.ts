/** The public halves of the signing keys, on a real Postgres. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyRing, listPublicKeys } from '../../lib/protocol/key-ring.ts';
import { listPublishedKeys } from '../../lib/store/signing-keys.ts';
import { recordKeyRing } from '../support/keys.ts';
import { now } from '../support/protocol-values.ts';
import { atOnce, openStore } from '../support/store.ts';

const store = await openStore();
const operator = store.open({ user: 'oauth2_operator', connections: 10 });
const ring = await generateKeyRing();
const keys = listPublicKeys(ring);
const byKid = <Key extends { kid: string }>(list: readonly Key[]) => list.toSorted((a, b) => (a.kid < b.kid ? -1 : 1));

test('J5: a ring recorded by several at once is there once, active and next keys alike', async () => {
  const counts = await atOnce(10, () => recordKeyRing(operator, ring, now));
  assert.equal(
    counts.reduce((sum, count) => sum + count),
    keys.length,
  );
  assert.deepEqual(byKid(await listPublishedKeys(store.db)), byKid(keys));
});

test('J5: a retiring key is published, a retired one is not', async () => {
  const [one, other] = keys.filter(({ state }) => state === 'pending');
  assert.ok(one && other);
  await operator.sql`update signing_keys set state = 'retiring' where kid = ${one.kid}`;
  await operator.sql`update signing_keys set state = 'retired' where kid = ${other.kid}`;
  const kids = (await listPublishedKeys(store.db)).map(({ kid }) => kid);
  assert.deepEqual([kids.includes(one.kid), kids.includes(other.kid)], [true, false]);
});

test('one key of an algorithm is active: a second one is refused', async () => {
  const active = keys.find(({ state }) => state === 'active');
  assert.ok(active);
  const { sql } = operator;
  const second = sql`
    insert into signing_keys (kid, alg, public_jwk, state, created_at) values ('second', ${active.alg}, '{}', 'active', ${now})`;
  await assert.rejects(second, { code: '23505' });
});
