/** Each change leaves exactly its event, in the same transaction; what the filter keeps back costs no row. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { digest } from '../../lib/protocol/digest.ts';
import { insertClientToken, revokeAccessToken } from '../../lib/store/access-tokens.ts';
import { insertAuthorizationCode, redeemCode } from '../../lib/store/authorization-codes.ts';
import { liftBlock } from '../../lib/store/blocks.ts';
import { disableClient } from '../../lib/store/client-administration.ts';
import { deleteClient, replaceClientMetadata } from '../../lib/store/clients.ts';
import type { Database } from '../../lib/store/database.ts';
import { recordAlone } from '../../lib/store/event-recording.ts';
import { purgeTable } from '../../lib/store/purge.ts';
import { endSession, recordConsent, startSession } from '../../lib/store/sessions.ts';
import { countAttempt } from '../../lib/store/throttles.ts';
import { insertRetriedToken, revokeFamily, rotateRefreshToken } from '../../lib/store/token-families.ts';
import { raiseWatermark } from '../../lib/store/token-revocation.ts';
import { inTransaction } from '../../lib/store/transaction.ts';
import { disableUser, insertUser, setPassword } from '../../lib/store/user-administration.ts';
import { makeCode, now, secondsLater } from '../support/protocol-values.ts';
import {
  makeNewFamily,
  makeToken,
  openStore,
  passwordSetAt,
  storeClient,
  storeFamily,
  storeSession,
  storeUser,
} from '../support/store.ts';

const store = await openStore({ connections: 4 });
const { db, admin } = store;
const operator = store.open({ user: 'oauth2_operator' });

interface Row {
  type: string;
  subject: string | null;
  data: Record<string, unknown>;
}

/** The events that some work leaves, in order. */
async function eventsOf(work: () => Promise<unknown>): Promise<Row[]> {
  const [last] = await admin`select coalesce(max(sequence), 0) as sequence from events`;
  await work();
  return admin<Row[]>`select type, subject, data from events where sequence > ${last?.sequence} order by sequence`;
}
const typesOf = async (work: () => Promise<unknown>) => (await eventsOf(work)).map(({ type }) => type);

test('registering, changing, disabling, enabling and deleting a client each leave one event', async () => {
  const client_id = `client-${randomUUID()}`;
  assert.deepEqual(
    [...(await eventsOf(() => storeClient(db, { client_id })))],
    [
      {
        type: 'client_registered',
        subject: `clients/${client_id}`,
        data: { client_id, dynamic: false, grant_types: ['authorization_code', 'refresh_token'] },
      },
    ],
  );
  const client = await storeClient(db);
  assert.deepEqual(await typesOf(() => replaceClientMetadata(db, client, now)), ['client_updated']);
  assert.deepEqual(await typesOf(() => disableClient(operator, client.client_id, now)), ['client_disabled']);
  assert.deepEqual(await typesOf(() => disableClient(operator, client.client_id, now)), []);
  const block = { kind: 'client', target: client.client_id } as const;
  assert.deepEqual(await typesOf(() => liftBlock(operator, block, true, now)), ['client_enabled']);
  assert.deepEqual(await typesOf(() => deleteClient(db, client.client_id, now)), ['client_deleted']);
  assert.deepEqual(await typesOf(() => deleteClient(db, client.client_id, now)), []);
});

test('creating, disabling and enabling an account each leave one event, with what ends along with it', async () => {
  const account = { username: `u-${randomUUID()}`, email: 'planted@example.com', password_hash: 'planted-hash' };
  const [created] = await eventsOf(() => insertUser(operator, account, now));
  assert.equal(created?.type, 'user_created');
  assert.deepEqual(Object.keys(created?.data ?? {}), ['user_id']);
  assert.deepEqual(await typesOf(() => insertUser(operator, account, now)), []);
  const { subject } = await storeFamily(store);
  assert.deepEqual(await typesOf(() => disableUser(operator, subject, now)), ['user_disabled', 'user_logout', 'token_revoked']);
  assert.deepEqual(await typesOf(() => disableUser(operator, subject, now)), []);
  const block = { kind: 'user', target: subject } as const;
  assert.deepEqual(await typesOf(() => liftBlock(operator, block, true, now)), ['user_enabled']);
  const renewed = await storeFamily(store);
  const types = await typesOf(() => setPassword(operator, renewed.subject, 'hash', now));
  assert.deepEqual(types, ['user_password_changed', 'user_logout', 'token_revoked']);
});

test('a sign-in, another one over it, consent and a sign-out', async () => {
  const [one, other, client] = [await storeUser(store), await storeUser(store), await storeClient(db)];
  const session = await storeSession(store, one);
  const again = (subject: string) =>
    startSession(db, {
      session_hash: digest(randomUUID()),
      session_id: randomUUID(),
      subject,
      authenticated_at: now,
      expires_at: secondsLater(60),
      authenticated_for: null,
      replaces: session.session_hash,
      device_hash: digest('device'),
      password_changed_at: passwordSetAt,
    });
  const consent = {
    session,
    client_id: client.client_id,
    scope: ['openid'],
    resources: [],
    request_hash: digest('r'),
    now,
  };
  assert.deepEqual(await typesOf(() => recordConsent(db, consent)), ['consent_granted']);
  const changed = await eventsOf(() => again(other));
  assert.deepEqual(
    changed.map(({ type, subject }) => [type, subject]),
    [
      ['user_logout', `users/${one}`],
      ['user_authenticated', `users/${other}`],
    ],
  );
  const own = await storeSession(store, one);
  const [renewed, ...rest] = await eventsOf(() =>
    startSession(db, {
      session_hash: digest('renewed'),
      session_id: randomUUID(),
      subject: one,
      authenticated_at: now,
      expires_at: secondsLater(60),
      authenticated_for: null,
      replaces: own.session_hash,
      device_hash: digest('device'),
      password_changed_at: passwordSetAt,
    }),
  );
  // The session goes on under its own id.
  assert.deepEqual([renewed?.type, renewed?.data.session_id, rest], ['user_authenticated', own.session_id, []]);
  assert.deepEqual(await typesOf(() => endSession(db, digest('renewed'), now)), ['user_logout']);
  assert.deepEqual(await typesOf(() => endSession(db, digest('renewed'), now)), []);
});

test('a code and the tokens from it, to the end of the family', async () => {
  const [client, subject] = [await storeClient(db), await storeUser(store)];
  const session = await storeSession(store, subject);
  const code = makeCode({ client_id: client.client_id, subject, session_id: session.session_id });
  const [family, token] = [makeNewFamily(), makeToken()];
  const told = { client_id: client.client_id, user_id: subject };
  const [created] = await eventsOf(() => insertAuthorizationCode(db, code, digest('request')));
  assert.equal(created?.type, 'authorization_code_created');
  const exchanged = await eventsOf(() => redeemCode(db, code, family, token));
  assert.deepEqual(
    exchanged.map(({ type, subject }) => [type, subject]),
    [
      ['authorization_code_validated', `users/${subject}`],
      ['token_created', `users/${subject}`],
    ],
  );
  assert.deepEqual({ ...exchanged[1]?.data, ...told, jti: token.jti }, exchanged[1]?.data);
  assert.deepEqual(await typesOf(() => redeemCode(db, code, family, makeToken())), []);
  const rotation = {
    presented_hash: family.refresh_hash as Uint8Array,
    successor_hash: digest('successor'),
    successor_sealed: digest('sealed'),
    successor_expires_at: secondsLater(60),
    rotated_at: now,
  };
  const rotate = () => rotateRefreshToken(db, code.family_id, rotation, makeToken());
  assert.deepEqual(await typesOf(rotate), ['token_created']);
  assert.deepEqual(await typesOf(rotate), []);
  const retry = () => insertRetriedToken(db, code.family_id, family.refresh_hash as Uint8Array, makeToken());
  assert.deepEqual(await typesOf(retry), ['token_created']);
  const reuse = () => revokeFamily(db, code.family_id, 'refresh token reused', now);
  const [reused, revoked, ...rest] = await eventsOf(reuse);
  assert.deepEqual([reused?.type, revoked?.type, rest], ['refresh_token_reused', 'token_revoked', []]);
  assert.equal(revoked?.data.family, exchanged[1]?.data.family);
  assert.equal(JSON.stringify([exchanged, reused, revoked]).includes(code.family_id), false, 'the id of a family is half a key');
  assert.deepEqual(await typesOf(reuse), []);
});

test('a code that is replayed and a family that its client revokes are told apart', async () => {
  const [one, other] = [await storeFamily(store), await storeFamily(store)];
  const replay = () => revokeFamily(db, one.family_id, 'authorization code replayed', now);
  assert.deepEqual(await typesOf(replay), ['authorization_code_reused', 'token_revoked']);
  assert.deepEqual(await typesOf(() => revokeFamily(db, other.family_id, 'revoked by the client', now)), ['token_revoked']);
});

test("a client's own token, and its revocation", async () => {
  const client = await storeClient(db);
  const token = makeToken();
  const [created, ...rest] = await eventsOf(() => insertClientToken(db, client, token));
  assert.deepEqual([created?.type, created?.subject, rest], ['token_created', `clients/${client.client_id}`, []]);
  assert.equal(created?.data.jti, token.jti);
  const stale = { ...client, updated_at: secondsLater(-1) };
  assert.deepEqual(await typesOf(() => insertClientToken(db, stale, makeToken())), []);
  const revoke = () => revokeAccessToken(db, client.client_id, token, now);
  const [revoked] = await eventsOf(revoke);
  assert.deepEqual([revoked?.type, revoked?.subject], ['token_revoked', `clients/${client.client_id}`]);
  assert.deepEqual(await typesOf(revoke), []);
});

test('a watermark is one event, however many tokens fall under it', async () => {
  const { client, subject } = await storeFamily(store);
  const raise = (owner: object) => () => raiseWatermark(operator, { ...owner, sessions: false, before: now }, now);
  const about = async (owner: object) => (await eventsOf(raise(owner))).map(({ type, subject }) => [type, subject]);
  assert.deepEqual(await about({ client_id: client.client_id }), [['token_revoked', `clients/${client.client_id}`]]);
  assert.deepEqual(await about({ subject }), [['token_revoked', `users/${subject}`]]);
  assert.deepEqual(await about({}), [['token_revoked', null]]);
  await admin`update revocation_watermark set tokens_not_before = null`;
});

test('failed authentication of a client leaves no more events than the throttle counts', async () => {
  const failed = { client_id: 'known', most: 2 };
  const fail = () => countAttempt(db, [digest('known')], 60, now, failed);
  const events = await eventsOf(async () => {
    for (let time = 0; time < 4; time += 1) await fail();
  });
  assert.deepEqual(
    events.map(({ type, subject }) => [type, subject]),
    Array(2).fill(['client_authentication_failed', 'clients/known']),
  );
  assert.deepEqual(await typesOf(() => countAttempt(db, [digest('unknown')], 60, now)), []);
});

test('a code and a refresh token that expired unused leave an event when the purge deletes them', async () => {
  const migrator = store.open({ user: 'oauth2_migrator' });
  await admin`delete from authorization_codes`;
  await admin`delete from token_families`;
  const { client, subject } = await storeFamily(store, { refresh_expires_at: secondsLater(-86_400 * 3) });
  await insertAuthorizationCode(
    db,
    makeCode({ client_id: client.client_id, subject, expires_at: secondsLater(-1) }),
    digest('r'),
  );
  const purge = (table: 'authorization_codes' | 'token_families') => () => purgeTable(migrator, table, now, () => false);
  assert.deepEqual(await typesOf(purge('authorization_codes')), ['authorization_code_expired']);
  assert.deepEqual(await typesOf(purge('token_families')), ['token_expired']);
});

test('a change that is rolled back leaves no event', async () => {
  const client_id = `client-${randomUUID()}`;
  const undone = inTransaction(db, 'undone', async (transaction) => {
    await storeClient(transaction, { client_id });
    throw new Error('undo');
  });
  await assert.rejects(undone, /undo/);
  assert.equal((await admin`select from events where subject = ${`clients/${client_id}`}`).length, 0);
});

test('what the filter keeps back is not written, and what it lets through is', async () => {
  const filtered = (type: string): Database =>
    store.open({ events: { records: (candidate) => candidate === type, producer: 'p', correlation_id: 'c' } });
  const client = await storeClient(db);
  const { session, code, family_id } = await storeFamily(store);
  const without = filtered('nothing');
  assert.deepEqual(
    await typesOf(async () => {
      await insertClientToken(without, client, makeToken());
      await revokeFamily(without, family_id, 'refresh token reused', now);
      await endSession(without, session.session_hash, now);
      await recordAlone(without, now, 'user_authentication_failed', null, {});
      await insertAuthorizationCode(without, { ...code, code_hash: digest(randomUUID()) }, digest('r'));
    }),
    [],
  );
  assert.deepEqual(await typesOf(() => storeFamily({ ...store, db: filtered('authorization_code_validated') })), [
    'authorization_code_validated',
  ]);
  const [row] = await admin`select producer, correlation_id from events order by sequence desc limit 1`;
  assert.deepEqual([row?.producer, row?.correlation_id], ['p', 'c']);
});

test('least privilege: requests add events and read none; procedures change only what the relay notes', async () => {
  await assert.rejects(db.sql`select data from events`, /permission denied/);
  await assert.rejects(db.sql`update events set data = '{}'`, /permission denied/);
  await assert.rejects(db.sql`delete from events`, /permission denied/);
  await assert.rejects(operator.sql`update events set data = '{}'`, /permission denied/);
  await assert.rejects(operator.sql`delete from events`, /permission denied/);
});
