/** Consents, on a real Postgres. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digest } from '../../lib/protocol/digest.ts';
import { splitScope } from '../../lib/protocol/scope.ts';
import type { Session } from '../../lib/protocol/session.ts';
import { findVisit, recordConsent } from '../../lib/store/sessions.ts';
import { now } from '../support/protocol-values.ts';
import { atOnce, openStore, storeClient, storeSession, storeUser } from '../support/store.ts';

const store = await openStore();
const { db, admin } = store;

const consentTo = (session: Session, client_id: string, scope: string[], resources: string[] = []) =>
  recordConsent(db, { session, client_id, scope, resources, request_hash: digest('request'), now });

test('a consent is recorded with the request that it answered', async () => {
  const client = await storeClient(db);
  const session = await storeSession(store, await storeUser(store));
  await consentTo(session, client.client_id, ['openid', 'read'], ['https://api.example']);
  const visit = await findVisit(db, client.client_id, session.session_hash, now);
  assert.deepEqual(visit.grant, { scope: 'openid read', resources: ['https://api.example'] });
  assert.deepEqual(visit.session?.consented_for, digest('request'));
});

test('a consent adds to the earlier ones of the same client and touches no other', async () => {
  const [client, other] = [await storeClient(db), await storeClient(db)];
  const session = await storeSession(store, await storeUser(store));
  await consentTo(session, other.client_id, ['openid']);
  await consentTo(session, client.client_id, ['openid', 'read'], ['https://one.example']);
  await consentTo(session, client.client_id, ['openid', 'write'], ['https://two.example', 'https://one.example']);
  const { grant } = await findVisit(db, client.client_id, session.session_hash, now);
  assert.deepEqual(new Set(splitScope(grant?.scope ?? '')), new Set(['openid', 'read', 'write']));
  assert.deepEqual(new Set(grant?.resources), new Set(['https://one.example', 'https://two.example']));
  assert.equal(grant?.resources.length, 2);
  assert.equal((await findVisit(db, other.client_id, session.session_hash, now)).grant?.scope, 'openid');
});

test('a consent to nothing in particular is one', async () => {
  const client = await storeClient(db);
  const session = await storeSession(store, await storeUser(store));
  await consentTo(session, client.client_id, []);
  await consentTo(session, client.client_id, []);
  assert.deepEqual((await findVisit(db, client.client_id, session.session_hash, now)).grant, { scope: '', resources: [] });
});

test('R11: a revoked consent is none, and a new one starts from nothing', async () => {
  const client = await storeClient(db);
  const session = await storeSession(store, await storeUser(store));
  await consentTo(session, client.client_id, ['openid', 'read'], ['https://one.example']);
  await admin`update grants set revoked_at = now() where subject = ${session.subject}`;
  assert.equal((await findVisit(db, client.client_id, session.session_hash, now)).grant, undefined);
  await consentTo(session, client.client_id, ['openid']);
  assert.deepEqual((await findVisit(db, client.client_id, session.session_hash, now)).grant, { scope: 'openid', resources: [] });
});

test('50 consents at once over ten connections all count', async () => {
  const wide = store.open({ connections: 10 });
  const client = await storeClient(db);
  const session = await storeSession(store, await storeUser(store));
  await atOnce(50, (index) =>
    recordConsent(wide, {
      session,
      client_id: client.client_id,
      scope: [`s${index}`],
      resources: [],
      request_hash: digest('r'),
      now,
    }),
  );
  const { grant } = await findVisit(db, client.client_id, session.session_hash, now);
  assert.equal(splitScope(grant?.scope ?? '').length, 50);
});
