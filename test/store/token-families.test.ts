/** Token families on a real Postgres: one current refresh token, rotated once, revoked as a whole. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { endSession } from '../../lib/store/sessions.ts';
import { findClientAndFamily, insertRetriedToken, revokeFamily, rotateRefreshToken } from '../../lib/store/token-families.ts';
import { now, secondsLater } from '../support/protocol-values.ts';
import { atOnce, makeToken, openStore, storeClient, storeFamily } from '../support/store.ts';

const store = await openStore();
const { db, admin } = store;

const rotationOf = (presented_hash: Uint8Array) => ({
  presented_hash,
  successor_hash: randomBytes(32),
  successor_sealed: randomBytes(83),
  successor_expires_at: secondsLater(7200),
  rotated_at: secondsLater(60.123),
});

test('a family comes back with its client and its end-user', async () => {
  const { client, subject, family_id } = await storeFamily(store);
  const use = await findClientAndFamily(db, client.client_id, family_id, now);
  assert.deepEqual(use.client, client);
  assert.partialDeepStrictEqual(use.family, { family_id, subject, client_id: client.client_id });
  assert.equal(use.user?.subject, subject);
  assert.equal(use.active, true);
});

test('an unknown family leaves the client, an unknown client leaves nothing', async () => {
  const { client, family_id } = await storeFamily(store);
  const unknown = await findClientAndFamily(db, client.client_id, crypto.randomUUID(), now);
  assert.deepEqual([unknown.client, unknown.family, unknown.active], [client, undefined, false]);
  const nobody = await findClientAndFamily(db, 'nobody', family_id, now);
  assert.deepEqual(nobody, { client: undefined, family: undefined, user: undefined, active: false });
});

test('R6: a family is found for another client too, so that it can be refused as what it is', async () => {
  const { client, family_id } = await storeFamily(store);
  const other = await storeClient(db);
  const use = await findClientAndFamily(db, other.client_id, family_id, now);
  assert.deepEqual([use.client?.client_id, use.family?.client_id], [other.client_id, client.client_id]);
});

test('R11: a family is not active once its end-user or its client is disabled or its end-user deleted', async () => {
  const [user, client, deleted] = [await storeFamily(store), await storeFamily(store), await storeFamily(store)];
  await admin`update users set disabled_at = now() where subject = ${user.subject}`;
  await admin`update clients set disabled_at = now() where client_id = ${client.client.client_id}`;
  await admin`delete from users where subject = ${deleted.subject}`;
  for (const one of [user, client, deleted]) {
    assert.equal((await findClientAndFamily(db, one.client.client_id, one.family_id, now)).active, false);
  }
});

test('R11: a family is not active once the password was changed or the consent revoked', async () => {
  const [password, consent] = [await storeFamily(store), await storeFamily(store)];
  await admin`update users set password_changed_at = ${now} where subject = ${password.subject}`;
  await admin`insert into grants (subject, client_id, scope, granted_at, revoked_at)
    values (${consent.subject}, ${consent.client.client_id}, 'openid', ${now}, ${now})`;
  for (const one of [password, consent]) {
    assert.equal((await findClientAndFamily(db, one.client.client_id, one.family_id, now)).active, false);
  }
});

test('R11: signing out ends a family, unless it is an offline one', async () => {
  const [online, offline] = [await storeFamily(store, { offline: false }), await storeFamily(store, { offline: true })];
  for (const one of [online, offline]) await endSession(db, one.session.session_hash, now);
  const [ended, lasting] = await Promise.all(
    [online, offline].map((one) => findClientAndFamily(db, one.client.client_id, one.family_id, now)),
  );
  assert.deepEqual([ended?.active, ended?.family?.revoked_at], [false, now]);
  assert.deepEqual([lasting?.active, lasting?.family?.revoked_at], [true, null]);
});

test('R1: rotation replaces the current token, keeps the one before it and records the access token', async () => {
  const { client, family_id, refresh_hash } = await storeFamily(store);
  const before = (await findClientAndFamily(db, client.client_id, family_id, now)).family;
  const [rotation, token] = [rotationOf(refresh_hash), makeToken({ issued_at: secondsLater(60) })];
  assert.equal(await rotateRefreshToken(db, family_id, rotation, token), true);
  const { family } = await findClientAndFamily(db, client.client_id, family_id, now);
  assert.deepEqual(family, {
    ...before,
    refresh_hash: rotation.successor_hash,
    refresh_expires_at: rotation.successor_expires_at,
    previous_hash: refresh_hash,
    rotated_at: rotation.rotated_at,
    successor_sealed: rotation.successor_sealed,
    generation: 1,
  });
  assert.equal((await admin`select from access_tokens where jti = ${token.jti} and family_id = ${family_id}`).length, 1);
});

test('R8, R10: rotation changes neither the scope nor the absolute lifetime of the family', async () => {
  const { client, family_id, refresh_hash } = await storeFamily(store);
  const before = (await findClientAndFamily(db, client.client_id, family_id, now)).family;
  await rotateRefreshToken(db, family_id, rotationOf(refresh_hash), makeToken());
  const after = (await findClientAndFamily(db, client.client_id, family_id, now)).family;
  assert.deepEqual([after?.scope, after?.expires_at], [before?.scope, before?.expires_at]);
});

test('R1: a token that is no longer the current one does not rotate, and nothing is written', async () => {
  const { family_id, refresh_hash } = await storeFamily(store);
  await rotateRefreshToken(db, family_id, rotationOf(refresh_hash), makeToken());
  const token = makeToken();
  assert.equal(await rotateRefreshToken(db, family_id, rotationOf(refresh_hash), token), false);
  assert.equal((await admin`select from access_tokens where jti = ${token.jti}`).length, 0);
});

test('R5: of 50 rotations at once over ten connections exactly one succeeds, and one lineage remains', async () => {
  const wide = store.open({ connections: 10 });
  const { client, family_id, refresh_hash } = await storeFamily(store);
  const rotations = Array.from({ length: 50 }, () => rotationOf(refresh_hash));
  const verdicts = await atOnce(50, (index) => rotateRefreshToken(wide, family_id, rotations[index] as never, makeToken()));
  assert.equal(verdicts.filter(Boolean).length, 1);
  const { family } = await findClientAndFamily(db, client.client_id, family_id, now);
  assert.equal(family?.generation, 1);
  assert.deepEqual(family?.refresh_hash, rotations[verdicts.indexOf(true)]?.successor_hash);
  assert.deepEqual(family?.successor_sealed, rotations[verdicts.indexOf(true)]?.successor_sealed);
  assert.equal(
    (await admin`select from access_tokens where family_id = ${family_id}`).length,
    2,
    'of the code and of the rotation',
  );
});

test('R3: a retry records an access token and leaves the refresh token alone', async () => {
  const { client, family_id, refresh_hash } = await storeFamily(store);
  await rotateRefreshToken(db, family_id, rotationOf(refresh_hash), makeToken());
  const before = (await findClientAndFamily(db, client.client_id, family_id, now)).family;
  assert.equal(await insertRetriedToken(db, family_id, refresh_hash, makeToken()), true);
  assert.deepEqual((await findClientAndFamily(db, client.client_id, family_id, now)).family, before);
});

test('R3: no retry once the family was rotated on or revoked', async () => {
  const { family_id, refresh_hash } = await storeFamily(store);
  const rotation = rotationOf(refresh_hash);
  await rotateRefreshToken(db, family_id, rotation, makeToken());
  await rotateRefreshToken(db, family_id, rotationOf(rotation.successor_hash), makeToken());
  assert.equal(await insertRetriedToken(db, family_id, refresh_hash, makeToken()), false);
  await revokeFamily(db, family_id, 'test', now);
  assert.equal(await insertRetriedToken(db, family_id, rotation.successor_hash, makeToken()), false);
});

test('R2: a revoked family rotates no more, keeps its first reason and forgets the sealed successor', async () => {
  const { family_id, refresh_hash } = await storeFamily(store);
  const rotation = rotationOf(refresh_hash);
  await rotateRefreshToken(db, family_id, rotation, makeToken());
  await revokeFamily(db, family_id, 'reused', now);
  await revokeFamily(db, family_id, 'later', secondsLater(60));
  assert.equal(await rotateRefreshToken(db, family_id, rotationOf(rotation.successor_hash), makeToken()), false);
  const [row] =
    await admin`select revoked_at, revoked_because, successor_sealed from token_families where family_id = ${family_id}`;
  assert.deepEqual(row, { revoked_at: now, revoked_because: 'reused', successor_sealed: null });
});

test('R5: a revocation among 50 rotations at once leaves the family revoked', async () => {
  const wide = store.open({ connections: 10 });
  const { client, family_id, refresh_hash } = await storeFamily(store);
  await atOnce(50, async (index) =>
    index === 25
      ? revokeFamily(wide, family_id, 'reused', now)
      : void (await rotateRefreshToken(wide, family_id, rotationOf(refresh_hash), makeToken())),
  );
  assert.deepEqual((await findClientAndFamily(db, client.client_id, family_id, now)).family?.revoked_at, now);
});
