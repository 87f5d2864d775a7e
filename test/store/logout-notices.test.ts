/** The outbox of back-channel logout, on a real Postgres. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Client } from '../../lib/protocol/client.ts';
import { digest } from '../../lib/protocol/digest.ts';
import type { LogoutNotice } from '../../lib/protocol/logout-token.ts';
import { insertAuthorizationCode, redeemCode } from '../../lib/store/authorization-codes.ts';
import { mostAttempts, recordDeliveries, retryMinutes, takeDueNotices } from '../../lib/store/logout-notices.ts';
import { endSession, startSession } from '../../lib/store/sessions.ts';
import { endSessions } from '../../lib/store/token-revocation.ts';
import { disableUser } from '../../lib/store/user-administration.ts';
import { makeCode, now, secondsLater } from '../support/protocol-values.ts';
import {
  atOnce,
  makeNewFamily,
  makeToken,
  openStore,
  passwordSetAt,
  storeClient,
  storeSession,
  storeUser,
} from '../support/store.ts';

const store = await openStore();
const { db, admin } = store;
const operator = store.open({ user: 'oauth2_operator' });
const listener = { backchannel_logout_uri: 'https://client.example/logout' };

/** A session in which each of the clients got tokens, the first one twice. */
async function signIn(...clients: Client[]) {
  const session = await storeSession(store, await storeUser(store));
  for (const { client_id } of [...clients, ...clients.slice(0, 1)]) {
    const code = makeCode({ client_id, subject: session.subject, session_id: session.session_id });
    await insertAuthorizationCode(db, code, digest('request'));
    await redeemCode(db, code, makeNewFamily(), makeToken());
  }
  return session;
}

const noticesOf = (session: { session_id: string }) =>
  admin<
    Record<string, unknown>[]
  >`select client_id, subject, uri, attempts from logout_notices where session_id = ${session.session_id}`;

const later = (minutes: number) => secondsLater(minutes * 60);

/** The outbox without what tests before left in it. */
const empty = () => admin`delete from logout_notices`;

test('each client that listens and got tokens in the session gets one notice of its end', async () => {
  const [listening, deaf, elsewhere] = [await storeClient(db, listener), await storeClient(db), await storeClient(db, listener)];
  const session = await signIn(listening, deaf);
  await signIn(elsewhere);
  await endSession(db, session.session_hash, now);
  await endSession(db, session.session_hash, now);
  const expected = {
    client_id: listening.client_id,
    subject: session.subject,
    uri: listener.backchannel_logout_uri,
    attempts: 0,
  };
  assert.deepEqual([...(await noticesOf(session))], [expected]);
});

test('a disabled client is told nothing', async () => {
  const client = await storeClient(db, listener);
  const session = await signIn(client);
  await admin`update clients set disabled_at = now() where client_id = ${client.client_id}`;
  await endSession(db, session.session_hash, now);
  assert.equal((await noticesOf(session)).length, 0);
});

const replace = (session: { session_hash: Uint8Array }, subject: string) =>
  startSession(db, {
    session_hash: digest(randomUUID()),
    session_id: randomUUID(),
    subject,
    authenticated_at: now,
    expires_at: later(60),
    authenticated_for: null,
    replaces: session.session_hash,
    device_hash: digest(randomUUID()),
    password_changed_at: passwordSetAt,
  });

test('signing in as somebody else leaves notices of the session before; signing in again leaves none', async () => {
  const session = await signIn(await storeClient(db, listener));
  await replace(session, await storeUser(store));
  assert.equal((await noticesOf(session)).length, 1);
  const again = await signIn(await storeClient(db, listener));
  await replace(again, again.subject);
  assert.equal((await noticesOf(again)).length, 0);
});

test('the end of an account leaves notices of each of its sessions', async () => {
  const session = await signIn(await storeClient(db, listener));
  await disableUser(operator, session.subject, now);
  await disableUser(operator, session.subject, now);
  assert.equal((await noticesOf(session)).length, 1);
});

test('sign-ins that an operator ends leave notices, of one account and of everybody', async () => {
  const client = await storeClient(db, listener);
  const [one, other] = [await signIn(client), await signIn(client)];
  const never = () => false;
  const { marked } = await endSessions(operator, { subject: one.subject, sessions: true, before: later(1) }, now, never);
  assert.equal(marked, 1);
  assert.deepEqual([(await noticesOf(one)).length, (await noticesOf(other)).length], [1, 0]);
  await endSessions(operator, { sessions: true, before: later(1) }, now, never);
  assert.deepEqual([(await noticesOf(one)).length, (await noticesOf(other)).length], [1, 1]);
});

/** An outbox with due notices alone. */
async function fillOutbox(count: number): Promise<string[]> {
  const client = await storeClient(db, { ...listener, id_token_signed_response_alg: 'ES256' });
  await empty();
  const rows = await admin<{ notice_id: string }[]>`
    insert into logout_notices (client_id, subject, session_id, uri, created_at, next_attempt_at)
    select ${client.client_id}, gen_random_uuid(), gen_random_uuid(), 'https://client.example/logout', ${now}, ${now} from generate_series(1, ${count})
    returning notice_id`;
  return rows.map(({ notice_id }) => notice_id).sort();
}

const idsOf = (notices: readonly LogoutNotice[]) => notices.map(({ notice_id }) => notice_id).sort();

test('a notice comes with all that its token needs', async () => {
  const [notice_id] = await fillOutbox(1);
  const [notice] = await takeDueNotices(operator, 10, now);
  assert.deepEqual(Object.keys(notice ?? {}).sort(), ['alg', 'client_id', 'notice_id', 'session_id', 'subject', 'uri']);
  assert.deepEqual([notice?.notice_id, notice?.alg], [notice_id, 'ES256']);
});

test('collectors at once take each notice once, and not more than they asked for', async () => {
  const ids = await fillOutbox(60);
  const wide = store.open({ user: 'oauth2_operator', connections: 6 });
  const taken = await atOnce(6, () => takeDueNotices(wide, 10, now));
  for (const notices of taken) assert.ok(notices.length <= 10);
  const rest = await takeDueNotices(operator, 100, now);
  assert.deepEqual(idsOf([...taken.flat(), ...rest]), ids);
});

test('a notice whose outcome nobody recorded is due again after a growing pause, five times in all, and is then given up', async () => {
  const [notice_id] = await fillOutbox(1);
  let at = 0;
  for (const pause of retryMinutes) {
    assert.deepEqual(idsOf(await takeDueNotices(operator, 10, later(at))), [notice_id]);
    assert.deepEqual([...(await takeDueNotices(operator, 10, later(at + pause - 0.001)))], []);
    at += pause;
  }
  assert.deepEqual([...(await takeDueNotices(operator, 10, later(at)))], []);
  const [row] = await admin`select attempts, gave_up_at, delivered_at from logout_notices`;
  assert.deepEqual({ ...row }, { attempts: mostAttempts, gave_up_at: later(at), delivered_at: null });
});

test('what was delivered is never due again; what failed is given up after its last attempt', async () => {
  const [first = '', second = ''] = await fillOutbox(2);
  await takeDueNotices(operator, 10, now);
  assert.deepEqual({ ...(await recordDeliveries(operator, [first], [second], now)) }, { delivered: 1, gave_up: 0 });
  assert.deepEqual({ ...(await recordDeliveries(operator, [first], [second], now)) }, { delivered: 0, gave_up: 0 });
  assert.deepEqual(idsOf(await takeDueNotices(operator, 10, later(1000))), [second]);
  await admin`update logout_notices set attempts = ${mostAttempts} where notice_id = ${second}`;
  assert.deepEqual({ ...(await recordDeliveries(operator, [], [second], now)) }, { delivered: 0, gave_up: 1 });
  assert.deepEqual([...(await takeDueNotices(operator, 10, later(9000)))], []);
});

test('a client that is disabled before it was told is told nothing', async () => {
  await fillOutbox(1);
  await admin`update clients set disabled_at = now() where client_id in (select client_id from logout_notices)`;
  assert.deepEqual([...(await takeDueNotices(operator, 10, now))], []);
});
