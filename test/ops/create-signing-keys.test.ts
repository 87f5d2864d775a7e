/** The birth of the signing keys, and their publication. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { createSigningKeys } from '../../lib/ops/create-signing-keys.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { Unavailable } from '../../lib/protocol/errors.ts';
import { generateKeyRing, listPublicKeys, type PrivateKeyRing } from '../../lib/protocol/key-ring.ts';
import type { Database } from '../../lib/store/database.ts';
import { listStoredKeys } from '../../lib/store/signing-key-administration.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());
beforeEach(async () => {
  await bench.migrator.sql`truncate signing_keys`;
});

/** A secret with the promises of Secrets Manager: a value is there or not, and the last one written counts. */
function makeSecret() {
  let value: PrivateKeyRing | undefined;
  const secret = {
    secret_id: 'secret',
    writes: 0,
    readKeyRing: async () => value,
    writeKeyRing: async (_id: string, ring: PrivateKeyRing) => {
      secret.writes++;
      value = ring;
    },
  };
  return secret;
}

const run = (
  secret: ReturnType<typeof makeSecret>,
  db: Database = bench.operator,
  order: object = { apply: true, actor: 'local' },
) => runProcedure(createSigningKeys, { db, ...clock, ...secret, writeKeyRing: secret.writeKeyRing }, { input: {}, ...order });

const kidsOf = (ring: PrivateKeyRing | undefined) =>
  listPublicKeys(ring as PrivateKeyRing)
    .map(({ kid, state }) => `${kid} ${state}`)
    .toSorted();
const kidsStored = async () => (await listStoredKeys(bench.operator)).map(({ kid, state }) => `${kid} ${state}`).toSorted();

test('the first run makes an active and a next key for each algorithm; the second changes nothing', async () => {
  const secret = makeSecret();
  const planned = await run(secret, bench.operator, {});
  assert.equal(planned.outcome, 'planned');
  assert.equal(secret.writes, 0);
  const first = await run(secret);
  assert.equal(first.result?.created, true);
  assert.deepEqual(await kidsStored(), kidsOf(await secret.readKeyRing()));
  const second = await run(secret);
  assert.deepEqual([second.result?.created, second.result?.changed, secret.writes], [false, 0, 1]);
  assert.deepEqual(second.plan.steps, ['leave the keys, which are there']);
});

test('of two at once, one makes the keys and both publish exactly those of the secret', async () => {
  const secret = makeSecret();
  const answers = await Promise.all([
    run(secret),
    run(secret, bench.connect('oauth2_operator')),
    run(secret, bench.connect('oauth2_operator')),
  ]);
  assert.deepEqual(
    answers.map(({ outcome }) => outcome),
    ['succeeded', 'succeeded', 'succeeded'],
  );
  assert.equal(secret.writes, 1);
  assert.deepEqual(await kidsStored(), kidsOf(await secret.readKeyRing()));
});

test('keys that are in the secret alone are published: a run that was cut off half-way is finished by the next', async () => {
  const secret = makeSecret();
  await secret.writeKeyRing('secret', await generateKeyRing());
  const { result } = await run(secret);
  assert.equal(result?.created, false);
  assert.deepEqual(await kidsStored(), kidsOf(await secret.readKeyRing()));
});

test('keys of another ring sign no more but stay published, so that their tokens still verify', async () => {
  const former = makeSecret();
  await run(former);
  const secret = makeSecret();
  await run(secret);
  const stored = await listStoredKeys(bench.operator);
  const formerKids = listPublicKeys((await former.readKeyRing()) as PrivateKeyRing).map(({ kid }) => kid);
  assert.deepEqual(
    new Set(stored.filter(({ kid }) => formerKids.includes(kid)).map(({ state }) => state)),
    new Set(['retiring']),
  );
  assert.equal(stored.filter(({ state }) => state === 'active').length, 2);
});

test('no private member of a key leaves the secret', async () => {
  bench.output.clear();
  const secret = makeSecret();
  const answer = await run(secret);
  const rows = await bench.migrator.sql`select public_jwk from signing_keys`;
  const everywhere = JSON.stringify([answer, rows]) + (await readAuditLog(bench.migrator)).text + bench.output.text();
  const ring = (await secret.readKeyRing()) as PrivateKeyRing;
  for (const { active, next } of Object.values(ring.keys))
    for (const { jwk } of [active, next]) assert.ok(!everywhere.includes(String(jwk.d)), 'a private key leaked');
});

test('a secret that cannot be read is temporarily_unavailable, and no key is made', async () => {
  const secret = makeSecret();
  const unreadable = {
    ...secret,
    readKeyRing: async () => {
      throw new Unavailable('The signing keys are not available.', 'AccessDenied');
    },
  };
  const { error } = await run(unreadable);
  assert.equal(error?.code, 'temporarily_unavailable');
  assert.doesNotMatch(JSON.stringify(error), /AccessDenied/);
  assert.deepEqual(await kidsStored(), []);
  assert.equal(secret.writes, 0);
});
