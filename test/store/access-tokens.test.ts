/** Questions about issued access tokens, on a real Postgres. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCallerAndAccessToken, findTokenUser, insertClientToken, revokeAccessToken } from '../../lib/store/access-tokens.ts';
import { replaceClientMetadata } from '../../lib/store/clients.ts';
import { revokeFamily } from '../../lib/store/token-families.ts';
import { now, secondsLater } from '../support/protocol-values.ts';
import { makeToken, openStore, storeClient, storeFamily } from '../support/store.ts';

const store = await openStore();
const { db, admin } = store;

const isActive = async (callerId: string, token: ReturnType<typeof makeToken>) =>
  (await findCallerAndAccessToken(db, callerId, token)).state.active;

test('a client token is recorded and active, and belongs to no end-user', async () => {
  const client = await storeClient(db);
  const token = makeToken();
  assert.equal(await insertClientToken(db, client, token), true);
  const { caller, state } = await findCallerAndAccessToken(db, client.client_id, token);
  const { client_id, client_secret_hash, token_endpoint_auth_method, resources, disabled_at } = client;
  assert.deepEqual(caller, { client_id, client_secret_hash, token_endpoint_auth_method, resources, disabled_at });
  assert.deepEqual(state, { active: true, username: null });
  assert.equal(await findTokenUser(db, token), undefined);
});

test('no client token is recorded for a client that was changed or disabled after it was authenticated', async () => {
  const client = await storeClient(db);
  await replaceClientMetadata(db, client, secondsLater(1));
  assert.equal(await insertClientToken(db, client, makeToken()), false);
  const other = await storeClient(db);
  await admin`update clients set disabled_at = now() where client_id = ${other.client_id}`;
  assert.equal(await insertClientToken(db, other, makeToken()), false);
});

test('a token of an end-user is active and tells the username', async () => {
  const { client, token } = await storeFamily(store);
  const { state } = await findCallerAndAccessToken(db, client.client_id, token);
  assert.equal(state.active, true);
  assert.match(state.username ?? '', /^user-/);
});

test('I3: a token that was never recorded, or with another expiry, is not active', async () => {
  const { client, token } = await storeFamily(store);
  assert.equal(await isActive(client.client_id, makeToken()), false);
  assert.equal(await isActive(client.client_id, { ...token, expires_at: secondsLater(901) }), false);
});

test('I1: an unknown caller gets nothing', async () => {
  const { token } = await storeFamily(store);
  assert.deepEqual(await findCallerAndAccessToken(db, 'nobody', token), {
    caller: undefined,
    state: { username: null, active: false },
  });
});

test('I9, V2: a revoked token is inactive, and its family goes on', async () => {
  const { client, token, family_id } = await storeFamily(store);
  assert.equal(await revokeAccessToken(db, client.client_id, token, now), true);
  assert.equal(await isActive(client.client_id, token), false);
  assert.equal(await findTokenUser(db, token), undefined);
  const [family] = await admin`select revoked_at from token_families where family_id = ${family_id}`;
  assert.equal(family?.revoked_at, null);
});

test('V3: revoking again, or what was never issued, changes nothing', async () => {
  const { client, token } = await storeFamily(store);
  await revokeAccessToken(db, client.client_id, token, now);
  assert.equal(await revokeAccessToken(db, client.client_id, token, secondsLater(5)), false);
  assert.equal(await revokeAccessToken(db, client.client_id, makeToken(), now), false);
  const [row] = await admin`select revoked_at from access_tokens where jti = ${token.jti}`;
  assert.deepEqual(row?.revoked_at, now);
});

test("V4: another client's token is not revoked", async () => {
  const [one, other] = [await storeFamily(store), await storeClient(db)];
  assert.equal(await revokeAccessToken(db, other.client_id, one.token, now), false);
  assert.equal(await isActive(one.client.client_id, one.token), true);
});

test('R2: a token whose family was revoked is inactive', async () => {
  const { client, token, family_id } = await storeFamily(store);
  await revokeFamily(db, family_id, 'test', now);
  assert.equal(await isActive(client.client_id, token), false);
  assert.equal(await findTokenUser(db, token), undefined);
});

test('R11: a token of a disabled end-user, or of a disabled client, is inactive for every caller', async () => {
  const [one, other, caller] = [await storeFamily(store), await storeFamily(store), await storeClient(db)];
  await admin`update users set disabled_at = now() where subject = ${one.subject}`;
  await admin`update clients set disabled_at = now() where client_id = ${other.client.client_id}`;
  for (const { client, token } of [one, other]) {
    assert.equal(await isActive(client.client_id, token), false);
    assert.equal(await isActive(caller.client_id, token), false);
    assert.equal(await findTokenUser(db, token), undefined);
  }
});

test('R11: a token of a deleted end-user is inactive', async () => {
  const { client, subject, token } = await storeFamily(store);
  await admin`delete from users where subject = ${subject}`;
  assert.equal(await isActive(client.client_id, token), false);
  assert.equal(await findTokenUser(db, token), undefined);
});

test('userinfo: an active token leads to its end-user and to what the claims parameter asked for', async () => {
  const { subject, token, family_id } = await storeFamily(store);
  await admin`update token_families set claims = ${admin.json({ userinfo: { email: null } })} where family_id = ${family_id}`;
  assert.partialDeepStrictEqual(await findTokenUser(db, token), {
    subject,
    email: 'user@a.example',
    email_verified: true,
    claims: { name: 'Alice' },
    requested_claims: { userinfo: { email: null } },
  });
});
