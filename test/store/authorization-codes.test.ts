/** Authorization codes on a real Postgres: issued once, redeemed once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digest } from '../../lib/protocol/digest.ts';
import { findClientAndCode, insertAuthorizationCode, redeemCode } from '../../lib/store/authorization-codes.ts';
import { endSession, findVisit } from '../../lib/store/sessions.ts';
import { findClientAndFamily } from '../../lib/store/token-families.ts';
import { makeCode, now, secondsLater } from '../support/protocol-values.ts';
import { atOnce, makeNewFamily, makeToken, openStore, storeClient, storeSession, storeUser } from '../support/store.ts';

const store = await openStore();
const { db, admin } = store;

async function storeCode(fields: Parameters<typeof makeCode>[0] = {}) {
  const client = await storeClient(db);
  const subject = await storeUser(store);
  const session = await storeSession(store, subject, { authenticated_for: digest('request') });
  const code = makeCode({ client_id: client.client_id, subject, session_id: session.session_id, ...fields });
  await insertAuthorizationCode(db, code, digest('request'));
  return { client, subject, session, code };
}

test('a code comes back as it was stored, with its client and its end-user', async () => {
  const { client, subject, code } = await storeCode({
    nonce: 'n\u{1f600}',
    code_challenge: 'c'.repeat(43),
    resources: ['https://api.example/{a,b}'],
    amr: ['pwd', 'otp'],
    claims: { userinfo: { email: null } },
  });
  const exchange = await findClientAndCode(db, client.client_id, code.code_hash);
  assert.deepEqual(exchange.client, client);
  assert.deepEqual(exchange.code, code);
  assert.partialDeepStrictEqual(exchange.user, { subject, email: 'user@a.example', claims: { name: 'Alice' } });
  assert.equal(exchange.ended, undefined);
});

test('an unknown code leaves the client, an unknown client leaves nothing', async () => {
  const { client, code } = await storeCode();
  const unknown = await findClientAndCode(db, client.client_id, digest('other'));
  assert.deepEqual([unknown.client, unknown.code, unknown.user], [client, undefined, undefined]);
  const nobody = await findClientAndCode(db, 'nobody', code.code_hash);
  assert.deepEqual(nobody, { client: undefined, code: undefined, user: undefined, ended: undefined });
});

test('C4: a code is found for another client too, so that it can be refused as what it is', async () => {
  const { code } = await storeCode();
  const other = await storeClient(db);
  const exchange = await findClientAndCode(db, other.client_id, code.code_hash);
  assert.equal(exchange.code?.client_id, code.client_id);
  assert.equal(exchange.client?.client_id, other.client_id);
});

test('R11: a code is worth nothing once its end-user is disabled, deleted or signed out, or what was issued before is revoked; why is told apart', async () => {
  const [disabled, deleted, out, revoked] = [await storeCode(), await storeCode(), await storeCode(), await storeCode()];
  await admin`update users set disabled_at = now() where subject = ${disabled.subject}`;
  await admin`delete from users where subject = ${deleted.subject}`;
  await endSession(db, out.session.session_hash, now);
  await admin`update users set tokens_not_before = ${secondsLater(1)} where subject = ${revoked.subject}`;
  const why = async ({ client, code }: typeof out) => (await findClientAndCode(db, client.client_id, code.code_hash)).ended;
  assert.deepEqual(
    [await why(disabled), await why(deleted), await why(out), await why(revoked)],
    ['account is disabled or gone', 'account is disabled or gone', 'session has ended', 'issued before a revocation'],
  );
  assert.equal(await redeemCode(db, revoked.code, makeNewFamily(), makeToken()), false);
});

test('R11: a sign-out between looking a code up and redeeming it leaves no family', async () => {
  const { session, code } = await storeCode();
  await endSession(db, session.session_hash, now);
  assert.equal(await redeemCode(db, code, makeNewFamily({ offline: false }), makeToken()), false);
  assert.deepEqual([...(await admin`select 1 from token_families where family_id = ${code.family_id}`)], []);
});

test('prompt/max_age: issuing a code uses up the sign-in that answered the request', async () => {
  const { client, session } = await storeCode();
  const visit = await findVisit(db, client.client_id, session.session_hash, now);
  assert.equal(visit.session?.authenticated_for, null);
  assert.equal(visit.session?.consented_for, null);
});

test('a redeemed code founds its family and records its token', async () => {
  const { client, code } = await storeCode({ resources: ['https://api.example'], claims: { id_token: {} } });
  const [family, token] = [makeNewFamily({ offline: false }), makeToken()];
  assert.equal(await redeemCode(db, code, family, token), true);
  const use = await findClientAndFamily(db, client.client_id, code.family_id, now);
  assert.partialDeepStrictEqual(use.family, {
    client_id: client.client_id,
    subject: code.subject,
    session_id: code.session_id,
    scope: code.scope,
    resources: ['https://api.example'],
    claims: { id_token: {} },
    offline: false,
    generation: 0,
    issued_at: token.issued_at,
    expires_at: family.expires_at,
    refresh_expires_at: family.refresh_expires_at,
    previous_hash: null,
    revoked_at: null,
  });
  assert.ok(Buffer.from(family.refresh_hash ?? []).equals(use.family?.refresh_hash ?? Buffer.alloc(0)));
  const [row] = await admin`select client_id, subject, family_id from access_tokens where jti = ${token.jti}`;
  assert.deepEqual(row, { client_id: client.client_id, subject: code.subject, family_id: code.family_id });
  const again = await findClientAndCode(db, client.client_id, code.code_hash);
  assert.deepEqual(again.code?.redeemed_at, token.issued_at);
});

test('R14: a family without a refresh token has none', async () => {
  const { client, code } = await storeCode();
  await redeemCode(db, code, makeNewFamily({ refresh_hash: null, refresh_expires_at: null }), makeToken());
  const { family } = await findClientAndFamily(db, client.client_id, code.family_id, now);
  assert.deepEqual([family?.refresh_hash, family?.refresh_expires_at], [null, null]);
});

test('C1: a code is redeemed once; the second time nothing is written', async () => {
  const { code } = await storeCode();
  assert.equal(await redeemCode(db, code, makeNewFamily(), makeToken()), true);
  const second = makeToken();
  assert.equal(await redeemCode(db, code, makeNewFamily(), second), false);
  assert.equal((await admin`select from access_tokens where jti = ${second.jti}`).length, 0);
});

test('C3: of 50 redemptions at once over ten connections exactly one succeeds, and only its token exists', async () => {
  const wide = store.open({ connections: 10 });
  const { code } = await storeCode();
  const verdicts = await atOnce(50, () => redeemCode(wide, code, makeNewFamily(), makeToken()));
  assert.equal(verdicts.filter(Boolean).length, 1);
  assert.equal((await admin`select from access_tokens where family_id = ${code.family_id}`).length, 1);
  assert.equal((await admin`select from token_families where family_id = ${code.family_id}`).length, 1);
});

test('nothing half-written: a token that cannot be recorded leaves the code unredeemed and founds no family', async () => {
  const { client, code } = await storeCode();
  await assert.rejects(redeemCode(db, code, makeNewFamily(), makeToken({ jti: 'no uuid' })));
  assert.equal((await findClientAndCode(db, client.client_id, code.code_hash)).code?.redeemed_at, null);
  assert.equal((await admin`select from token_families where family_id = ${code.family_id}`).length, 0);
  assert.equal(await redeemCode(db, code, makeNewFamily(), makeToken()), true);
});
