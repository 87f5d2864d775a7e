/** Sign-in sessions and consents, on a real Postgres. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { digest } from '../../lib/protocol/digest.ts';
import type { Session } from '../../lib/protocol/session.ts';
import { findTokenUser } from '../../lib/store/access-tokens.ts';
import { insertAuthorizationCode, redeemCode } from '../../lib/store/authorization-codes.ts';
import { endSession, findVisit, startSession } from '../../lib/store/sessions.ts';
import { inTransaction } from '../../lib/store/transaction.ts';
import { holdSignIns, setPassword } from '../../lib/store/user-administration.ts';
import { makeCode, now, secondsLater } from '../support/protocol-values.ts';
import {
  atOnce,
  makeNewFamily,
  makeToken,
  openStore,
  passwordSetAt,
  storeClient,
  storeFamily,
  storeSession,
  storeUser,
} from '../support/store.ts';

const store = await openStore();
const { db, admin } = store;
const operator = store.open({ user: 'oauth2_operator' });

const signIn = (subject: string, replaces: Uint8Array | null = null) => ({
  session_hash: digest(randomUUID()),
  session_id: randomUUID(),
  subject,
  authenticated_at: secondsLater(10),
  expires_at: secondsLater(3610),
  authenticated_for: digest('request'),
  replaces,
  device_hash: digest(randomUUID()),
  password_changed_at: passwordSetAt,
});

test('a visit finds client and session, each for itself', async () => {
  const client = await storeClient(db);
  const session = await storeSession(store, await storeUser(store, 'visitor'));
  assert.deepEqual(await findVisit(db, client.client_id, session.session_hash, now), { client, session, grant: undefined });
  assert.deepEqual(await findVisit(db, client.client_id, null, now), { client, session: undefined, grant: undefined });
  assert.deepEqual(await findVisit(db, 'nobody', session.session_hash, now), { client: undefined, session, grant: undefined });
  assert.deepEqual(await findVisit(db, 'nobody', digest('none'), now), {
    client: undefined,
    session: undefined,
    grant: undefined,
  });
  assert.equal(session.username, 'visitor');
});

test('a session is found until it expires, ends, falls under the watermark of its end-user, or that one is disabled', async () => {
  const subject = await storeUser(store);
  const found = async (session: Session, at = now) => (await findVisit(db, '', session.session_hash, at)).session !== undefined;
  const [expiring, ended] = [await storeSession(store, subject), await storeSession(store, subject)];
  assert.equal(await found(expiring, secondsLater(3599.999)), true);
  assert.equal(await found(expiring, secondsLater(3600)), false);
  await endSession(db, ended.session_hash, now);
  assert.equal(await found(ended), false);
  // What was issued to the account up to an instant is revoked, and with it what it signed in before.
  for (const [seconds, there] of [
    [0, true],
    [1, false],
  ] as const) {
    await admin`update users set tokens_not_before = ${secondsLater(seconds)} where subject = ${subject}`;
    assert.equal(await found(expiring), there);
  }
  await admin`update users set tokens_not_before = null, disabled_at = now() where subject = ${subject}`;
  assert.equal(await found(expiring), false);
});

test('an account that is deleted, disabled or given a new password while somebody signs in: nothing of the sign-in is left', async () => {
  const [changed, disabled] = [await storeUser(store), await storeUser(store)];
  await admin`update users set password_changed_at = ${now} where subject = ${changed}`;
  await admin`update users set disabled_at = now() where subject = ${disabled}`;
  for (const subject of [randomUUID(), changed, disabled]) {
    const before = await storeSession(store, await storeUser(store));
    const over = signIn(subject, before.session_hash);
    assert.equal(await startSession(db, over), false);
    assert.deepEqual([...(await admin`select 1 from sessions where session_id = ${over.session_id}`)], []);
    assert.deepEqual([...(await admin`select 1 from devices where subject = ${subject}`)], []);
    assert.notEqual((await findVisit(db, '', before.session_hash, now)).session, undefined);
  }
});

/** Lets something begin inside of a transaction that is still open, and goes on when it has ended or waits for that one. */
async function meanwhile<T>(begin: () => Promise<T>): Promise<Promise<T>[]> {
  let ended = false;
  const begun = begin().finally(() => {
    ended = true;
  });
  const isWaiting = async () =>
    (await admin`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`).length > 0;
  while (!ended && !(await isWaiting()));
  return [begun];
}

test('a sign-in with a password that is being changed at this moment waits, and finds it changed', async () => {
  const late = signIn(await storeUser(store));
  const [starting] = await inTransaction(operator, 'test', async (transaction) => {
    await holdSignIns(transaction, late.subject);
    await setPassword(transaction, late.subject, 'new', secondsLater(5));
    return meanwhile(() => startSession(db, late));
  });
  assert.equal(await starting, false);
  assert.equal((await findVisit(db, '', late.session_hash, now)).session, undefined);
});

test('a change of the password waits for a sign-in that has begun with the one before, and ends it', async () => {
  const early = signIn(await storeUser(store));
  const change = () =>
    inTransaction(operator, 'test', async (transaction) => {
      await holdSignIns(transaction, early.subject);
      return setPassword(transaction, early.subject, 'new', secondsLater(5));
    });
  const [changing] = await inTransaction(db, 'test', async (transaction) => {
    assert.equal(await startSession(transaction, early), true);
    return meanwhile(change);
  });
  assert.equal((await changing)?.ended_sessions, 1);
  assert.equal((await findVisit(db, '', early.session_hash, now)).session, undefined);
});

test('R11: a session from before the password was changed is none', async () => {
  const session = await storeSession(store, await storeUser(store));
  await admin`update users set password_changed_at = ${secondsLater(1)} where subject = ${session.subject}`;
  assert.equal((await findVisit(db, '', session.session_hash, now)).session, undefined);
});

test('session fixation: signing in again changes the session cookie and keeps the session', async () => {
  const subject = await storeUser(store);
  const before = await storeSession(store, subject);
  const again = signIn(subject, before.session_hash);
  await startSession(db, again);
  assert.equal((await findVisit(db, '', before.session_hash, now)).session, undefined);
  const { session } = await findVisit(db, '', again.session_hash, now);
  assert.partialDeepStrictEqual(session, {
    session_id: before.session_id,
    authenticated_at: again.authenticated_at,
    expires_at: again.expires_at,
    authenticated_for: again.authenticated_for,
    consented_for: null,
  });
});

test('session fixation: signing in as somebody else ends the session before and starts another', async () => {
  const before = await storeSession(store, await storeUser(store));
  const other = signIn(await storeUser(store), before.session_hash);
  await startSession(db, other);
  assert.equal((await findVisit(db, '', before.session_hash, now)).session, undefined);
  assert.equal((await findVisit(db, '', other.session_hash, now)).session?.session_id, other.session_id);
});

test('signing in as somebody else ends the families of the session before as signing out does, but for offline ones', async () => {
  const families = [await storeFamily(store, { offline: false }), await storeFamily(store, { offline: true })];
  for (const { session } of families) await startSession(db, signIn(await storeUser(store), session.session_hash));
  const because = families.map(async ({ family_id }) => {
    const [row] = await admin`select revoked_because from token_families where family_id = ${family_id}`;
    return row?.revoked_because;
  });
  assert.deepEqual(await Promise.all(because), ['another user signed in', null]);
});

test('session fixation: a planted cookie that never was a session replaces nothing', async () => {
  const planted = signIn(await storeUser(store), digest('planted'));
  await startSession(db, planted);
  assert.equal((await findVisit(db, '', planted.session_hash, now)).session?.session_id, planted.session_id);
  assert.equal((await findVisit(db, '', digest('planted'), now)).session, undefined);
});

test('an ended session does not come back by signing in again', async () => {
  const subject = await storeUser(store);
  const before = await storeSession(store, subject);
  await endSession(db, before.session_hash, now);
  const again = signIn(subject, before.session_hash);
  await startSession(db, again);
  assert.equal((await findVisit(db, '', again.session_hash, now)).session?.session_id, again.session_id);
});

test('a browser that signs in is remembered as a device of its last end-user', async () => {
  const [one, other] = [signIn(await storeUser(store)), signIn(await storeUser(store))];
  await startSession(db, one);
  await startSession(db, { ...other, device_hash: one.device_hash });
  const rows = await admin`select subject from devices where device_hash = ${one.device_hash}`;
  assert.deepEqual([...rows], [{ subject: other.subject }]);
});

test('one browser that signs in ten times at once has one session', async () => {
  const wide = store.open({ connections: 10 });
  const subject = await storeUser(store);
  const before = await storeSession(store, subject);
  await atOnce(10, () => startSession(wide, signIn(subject, before.session_hash)));
  assert.equal((await findVisit(db, '', before.session_hash, now)).session, undefined);
  const rows = await admin`select from sessions where session_id = ${before.session_id}`;
  assert.equal(rows.length, 1);
});

test('logout: ending a session tells how many families ended with it, and the second time none', async () => {
  const { session } = await storeFamily(store, { offline: false });
  assert.equal(await endSession(db, session.session_hash, now), 1);
  assert.equal(await endSession(db, session.session_hash, now), 0);
  const offline = await storeFamily(store, { offline: true });
  assert.equal(await endSession(db, offline.session.session_hash, now), 0);
  assert.equal(await endSession(db, digest('none'), now), 0);
});

/** Until another connection waits for a lock. */
async function untilWaiting(): Promise<void> {
  const waiting = () => admin`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  while ((await waiting()).length === 0);
}

/** A code of a client that listens, looked up and good, and the connection that exchanges it. */
async function storeExchange() {
  const client = await storeClient(db, { backchannel_logout_uri: 'https://client.example/logout' });
  const session = await storeSession(store, await storeUser(store));
  const code = makeCode({ client_id: client.client_id, subject: session.subject, session_id: session.session_id });
  await insertAuthorizationCode(db, code, digest('request'));
  return { session, code, token: makeToken(), exchanging: store.open() };
}

for (const [what, end] of [
  ['signs out', (hash: Uint8Array) => endSession(db, hash, secondsLater(10))],
  ['signs in as somebody else', async (hash: Uint8Array) => startSession(db, signIn(await storeUser(store), hash))],
] as const)
  test(`R11: who ${what} while a code is exchanged ends what the exchange founds, and its client is told`, async () => {
    const { session, code, token, exchanging } = await storeExchange();
    const ended = await inTransaction(exchanging, 'exchange', async (transaction) => {
      assert.equal(await redeemCode(transaction, code, makeNewFamily({ offline: false }), token), true);
      const waits = end(session.session_hash);
      await untilWaiting();
      return { waits };
    });
    await ended.waits;
    const [family] = await admin`select revoked_at from token_families where family_id = ${code.family_id}`;
    assert.deepEqual(family?.revoked_at, secondsLater(10));
    assert.equal(await findTokenUser(db, token), undefined);
    assert.equal((await admin`select from logout_notices where session_id = ${session.session_id}`).length, 1);
  });
