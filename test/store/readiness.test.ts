/** What the readiness check learns from the database. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyRing, listPublicKeys } from '../../lib/protocol/key-ring.ts';
import { readMigrations } from '../../lib/store/migrate.ts';
import { readReadiness } from '../../lib/store/readiness.ts';
import { recordKeyRing } from '../support/keys.ts';
import { now } from '../support/protocol-values.ts';
import { openStore } from '../support/store.ts';

test('the request path sees the version of the schema and the keys that are published', async () => {
  const store = await openStore();
  const newest = Math.max(...(await readMigrations('migrations')).map(({ version }) => Number(version)));
  assert.deepEqual(await readReadiness(store.db), { schema_version: newest, published_kids: [], maintenance: false });
  const ring = await generateKeyRing();
  await recordKeyRing(store.open({ user: 'oauth2_operator' }), ring, now);
  const { published_kids } = await readReadiness(store.db);
  assert.deepEqual(
    [...published_kids].sort(),
    listPublicKeys(ring)
      .map(({ kid }) => kid)
      .sort(),
  );
});
