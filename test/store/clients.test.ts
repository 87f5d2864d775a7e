/** Questions about clients, on a real Postgres. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digest } from '../../lib/protocol/digest.ts';
import { findCallerAndAccessToken } from '../../lib/store/access-tokens.ts';
import { deleteClient, findClient, findManagedClient, insertClient, replaceClientMetadata } from '../../lib/store/clients.ts';
import { findClientAndFamily } from '../../lib/store/token-families.ts';
import { addFamilies, limitRows } from '../support/many-rows.ts';
import { makeClient, now, parameterText, secondsLater } from '../support/protocol-values.ts';
import { openStore, storeClient, storeFamily, storeUser } from '../support/store.ts';

const store = await openStore();
const { db, admin } = store;

test('a client comes back as it was stored, every field of it', async () => {
  const client = makeClient({
    client_id: 'complete',
    client_name: 'Ünïcode & "quotes" \\ {braces}',
    redirect_uris: ['https://a.example/cb?x={1,2}', 'http://127.0.0.1/"cb"'],
    post_logout_redirect_uris: ['https://a.example/out'],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
    resources: ['https://api.example'],
    id_token_signed_response_alg: 'ES256',
    require_pkce: false,
    trusted: true,
    dynamic: true,
    default_max_age: 60,
    require_auth_time: true,
    backchannel_logout_uri: 'https://a.example/logout',
    backchannel_logout_session_required: true,
    metadata: { contacts: ['a@a.example'], client_uri: 'https://a.example' },
    created_at: new Date('2026-01-02T03:04:05.678Z'),
    updated_at: new Date('2026-02-03T04:05:06.789Z'),
  });
  await insertClient(db, client);
  assert.deepEqual(await findClient(db, 'complete'), {
    ...client,
    client_secret_hash: Buffer.from(client.client_secret_hash ?? []),
  });
});

test('a public client comes back without a secret', async () => {
  const client = makeClient({ client_id: 'public', token_endpoint_auth_method: 'none', redirect_uris: [] });
  await insertClient(db, client);
  assert.deepEqual(await findClient(db, 'public'), client);
});

test('a public client with a secret, or a confidential one without, cannot be stored', async () => {
  await assert.rejects(
    insertClient(db, makeClient({ token_endpoint_auth_method: 'none', client_secret_hash: digest('x') })),
    /check/,
  );
  await assert.rejects(insertClient(db, makeClient({ client_secret_hash: null })), /check/);
});

test('a client_id can be taken once', async () => {
  await insertClient(db, makeClient({ client_id: 'once' }));
  await assert.rejects(insertClient(db, makeClient({ client_id: 'once' })), { code: '23505' });
});

test('an unknown client is not found, however its id is written', async () => {
  await insertClient(db, makeClient({ client_id: 'Known' }));
  for (const id of ['', 'known', "Known' or '1'='1", 'Known%', 'Known ']) assert.equal(await findClient(db, id), undefined, id);
  await fc.assert(
    fc.asyncProperty(parameterText(), async (id) => assert.equal(await findClient(db, `no ${id}`), undefined)),
    { numRuns: 30 },
  );
});

test('a client that registered itself is managed by its registration access token, and by none once disabled', async () => {
  const hash = digest('registration token');
  await insertClient(db, makeClient({ client_id: 'managed', dynamic: true }), hash);
  const managed = await findManagedClient(db, 'managed');
  assert.ok(managed && Buffer.from(managed.registration_access_token_hash).equals(hash));
  assert.equal(managed.client_id, 'managed');
  await admin`update clients set disabled_at = now() where client_id = 'managed'`;
  assert.equal(await findManagedClient(db, 'managed'), undefined);
});

test('a client that an operator created is not managed', async () => {
  await insertClient(db, makeClient({ client_id: 'unmanaged' }));
  assert.equal(await findManagedClient(db, 'unmanaged'), undefined);
});

test('a client may change its metadata, not its secret, its trust or what is required of it', async () => {
  const before = await storeClient(db);
  await replaceClientMetadata(
    db,
    {
      ...before,
      client_name: 'New',
      scope: 'read',
      redirect_uris: ['https://new.example/cb'],
      trusted: true,
      require_pkce: false,
      client_secret_hash: digest('other'),
    },
    secondsLater(60),
  );
  assert.deepEqual(await findClient(db, before.client_id), {
    ...before,
    client_name: 'New',
    scope: 'read',
    redirect_uris: ['https://new.example/cb'],
    updated_at: secondsLater(60),
  });
});

test('a client with more families than a statement may change is deleted, and is at once where no time is left to mark them', async () => {
  const subject = await storeUser(store);
  const left = async (clientId: string) =>
    (await admin`select from token_families where client_id = ${clientId} and revoked_at is null`).length;
  const [slow, quick] = [await storeFamily(store), await storeFamily(store)];
  for (const { client } of [slow, quick]) await addFamilies(admin, { client_id: client.client_id, subject }, 2500);
  const lift = await limitRows(admin, 'token_families', 1000);
  await deleteClient(db, slow.client.client_id, now);
  await deleteClient(db, quick.client.client_id, now, () => true);
  await lift();
  assert.deepEqual([await left(slow.client.client_id), await left(quick.client.client_id)], [0, 2501]);
  const asker = await storeClient(db);
  for (const { token } of [slow, quick])
    assert.equal((await findCallerAndAccessToken(db, asker.client_id, token)).state.active, false);
});

test('deleting a client ends what was issued to it, and nothing of another client', async () => {
  const [one, other] = [await storeFamily(store), await storeFamily(store)];
  await deleteClient(db, one.client.client_id, now);
  assert.equal(await findClient(db, one.client.client_id), undefined);
  const rows = await admin`
    select f.revoked_at is not null as family from token_families f where f.client_id = ${one.client.client_id}`;
  assert.deepEqual([...rows], [{ family: true }]);
  assert.equal((await findClientAndFamily(db, other.client.client_id, other.family_id, now)).family?.revoked_at, null);
  assert.equal((await findCallerAndAccessToken(db, other.client.client_id, other.token)).state.active, true);
  assert.equal((await findCallerAndAccessToken(db, other.client.client_id, one.token)).state.active, false);
});
