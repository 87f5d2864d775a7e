/** Checks how the JWKS function keeps its keys: for a second, and longer only while the store is away. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createJwksServer } from '../../../functions/http/jwks/jwks.ts';
import { generateKeyRing, listPublicKeys } from '../../../lib/protocol/key-ring.ts';
import { type Database, DatabaseUnavailable, openDatabase } from '../../../lib/store/database.ts';
import { recordKeyRing } from '../../support/keys.ts';
import { type TestDatabase, testDatabase } from '../../support/postgres.ts';

let database: TestDatabase;
let db: Database;
let now = 0;

before(async () => {
  database = await testDatabase();
  const { host, port, name } = database;
  db = openDatabase({ host, port, database: name, user: 'oauth2_migrator', tls: false, prepare: true, connections: 2 });
});
after(async () => {
  await db.end();
  await database.drop();
});

const kidsOf = async (serve: ReturnType<typeof createJwksServer>) =>
  (JSON.parse((await serve()).body) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid).sort();

test('RFC 7517 §5: an empty key set is not served, as every verifier would refuse every token', async () => {
  await assert.rejects(createJwksServer(db, () => now)(), { name: 'Unavailable' });
});

test('J5: active, pending and retiring keys are published, retired ones are not, and a change is seen within a second', async () => {
  const ring = await generateKeyRing();
  const keys = listPublicKeys(ring);
  await recordKeyRing(db, ring);
  const serve = createJwksServer(db, () => now);
  const all = keys.map(({ kid }) => kid).sort();
  assert.deepEqual(await kidsOf(serve), all);
  const [first, second] = keys;
  await db.sql`update signing_keys set state = 'retiring' where kid = ${first?.kid ?? ''}`;
  await db.sql`update signing_keys set state = 'retired' where kid = ${second?.kid ?? ''}`;
  now += 900;
  assert.deepEqual(await kidsOf(serve), all);
  now += 101;
  assert.deepEqual(
    await kidsOf(serve),
    all.filter((kid) => kid !== second?.kid),
  );
});

test('RFC 7517 §5: while the store is away the last keys are served, and the store is asked again after seconds', async () => {
  let asked = 0;
  let away = false;
  const flaky: Database = {
    ...db,
    ask: (question, query) => {
      asked += 1;
      if (!away) return db.ask(question, query);
      return Promise.reject(new DatabaseUnavailable(question, 'stopped'));
    },
  };
  const serve = createJwksServer(flaky, () => now);
  const kids = await kidsOf(serve);
  away = true;
  now += 1001;
  assert.deepEqual(await kidsOf(serve), kids);
  assert.deepEqual(await kidsOf(serve), kids);
  assert.equal(asked, 2);
  now += 5_001;
  away = false;
  assert.deepEqual(await kidsOf(serve), kids);
  assert.equal(asked, 3);
});
