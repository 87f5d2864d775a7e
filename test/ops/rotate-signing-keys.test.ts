/** The rotation of the signing keys: planned, cut off anywhere, raced, and in an emergency. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { RingVersions } from '../../lib/keys/ring-versions.ts';
import { createSigningKeys } from '../../lib/ops/create-signing-keys.ts';
import { isSettled } from '../../lib/ops/key-rotation.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { purgeExpired } from '../../lib/ops/purge-expired.ts';
import { rotateSigningKeys, serveRotation } from '../../lib/ops/rotate-signing-keys.ts';
import { listPublicKeys } from '../../lib/protocol/key-ring.ts';
import type { Database } from '../../lib/store/database.ts';
import { listStoredKeys } from '../../lib/store/signing-key-administration.ts';
import { listPublishedKeys } from '../../lib/store/signing-keys.ts';
import { openVault, type TestVault } from './vault.ts';
import { openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
let vault: TestVault;
let clock: Date;
before(async () => {
  bench = await openWorkbench();
  vault = await openVault();
});
after(async () => {
  await vault.close();
  await bench.stop();
});
const start = new Date('2026-03-01T00:00:00.000Z');
beforeEach(async () => {
  clock = start;
  await vault.begin(bench.migrator, start);
  pass(30 * 24 * 60);
});

const pass = (minutes: number) => {
  clock = new Date(clock.getTime() + minutes * 60_000);
};

interface Parts {
  readonly db?: Database;
  readonly versions?: RingVersions;
}
const tools = ({ db = bench.operator, versions = vault.versions }: Parts = {}) => ({ db, versions, now: () => clock });
const acting = { apply: true, reason: 'test', actor: 'kim' };
const rotate = (parts: Parts = {}, input: object = {}, order: object = acting) =>
  runProcedure(rotateSigningKeys, tools(parts), { input, ...order });
const emergency = (parts: Parts = {}) => rotate(parts, { emergency: true });

const states = async () => new Map((await listStoredKeys(bench.operator)).map(({ kid, state }) => [kid, state]));
const kidsOf = async () => {
  const keys = listPublicKeys(await vault.readCurrent());
  const by = (wanted: string) => keys.filter(({ state }) => state === wanted).map(({ kid }) => kid);
  return { active: by('active'), next: by('pending') };
};
const settled = async () => isSettled(await vault.readCurrent(), await listStoredKeys(bench.operator));

test('the keys that verifiers have seen sign, new ones are published, and the former ones stay published until their tokens have expired', async () => {
  const former = await kidsOf();
  const planned = await rotate({}, {}, {});
  assert.equal(planned.outcome, 'planned');
  assert.match(planned.plan.steps[0] ?? '', new RegExp(`let ${former.next[0]} .* which verifiers have seen, sign`));
  assert.deepEqual(await kidsOf(), former);
  assert.equal((await rotate({}, {}, { apply: true })).error?.code, 'reason_missing');
  assert.equal((await rotate()).outcome, 'succeeded');
  const current = await kidsOf();
  assert.deepEqual(current.active, former.next);
  const now = await states();
  for (const [kids, state] of [
    [former.active, 'retiring'],
    [current.active, 'active'],
    [current.next, 'pending'],
  ] as const)
    for (const kid of kids) assert.equal(now.get(kid), state);
  assert.equal(now.size, 6);
  assert.match((await readAuditLog(bench.migrator)).rows.at(-1)?.detail as string, new RegExp(`${current.active[0]} active`));
});

test('a retiring key is withdrawn after 25 hours: by the purge, or by the next rotation', async () => {
  const [former] = (await kidsOf()).active;
  await rotate();
  const purge = () => runProcedure(purgeExpired, { db: bench.migrator, now: () => clock }, { apply: true });
  pass(25 * 60 - 1);
  assert.deepEqual((await purge()).result?.retired_keys, []);
  pass(1);
  assert.equal((await purge()).result?.retired_keys.length, 2);
  assert.equal((await states()).get(former ?? ''), 'retired');
  const [second] = (await kidsOf()).active;
  await rotate();
  pass(26 * 60);
  await rotate();
  assert.equal((await states()).get(second ?? ''), 'retired');
});

test('a rotation right after another is refused: verifiers may not have seen the next keys; the schedule takes it for done', async () => {
  await rotate();
  const current = await kidsOf();
  pass(10);
  const { error } = await rotate();
  assert.equal(error?.code, 'too_early');
  assert.match(error?.message ?? '', /was published at 2026-.* rotate after 2026-.*, or with --emergency/);
  assert.deepEqual(await kidsOf(), current);
  const scheduled = { input: {}, apply: true, reason: 'scheduled', actor: 'schedule' };
  assert.equal((await serveRotation(tools(), scheduled)).error?.code, 'too_early');
  pass(1);
  assert.equal((await rotate()).outcome, 'succeeded');
});

test('a scheduled rotation that fails says so to the scheduler, which tries again', async () => {
  const versions = { ...vault.versions, read: async () => Promise.reject(new Error('no')) };
  const scheduled = { input: {}, apply: true, reason: 'scheduled', actor: 'schedule' };
  await assert.rejects(serveRotation(tools({ versions }), scheduled), /rotate-signing-keys/);
});

test('an emergency replaces all keys and withdraws the former ones at once', async () => {
  await rotate();
  const former = [...(await states()).keys()];
  assert.equal((await emergency()).outcome, 'succeeded');
  const now = await states();
  for (const kid of former) assert.equal(now.get(kid), 'retired');
  const published = (await listPublishedKeys(bench.operator)).map(({ kid }) => kid);
  const { active, next } = await kidsOf();
  assert.deepEqual(published.toSorted(), [...active, ...next].toSorted());
  assert.equal((await rotate()).error?.code, 'too_early');
  pass(11);
  assert.equal((await rotate()).outcome, 'succeeded');
  assert.equal((await states()).get(active[0] ?? ''), 'retiring');
});

class Cut extends Error {}

/** Tools of which the call with that number fails: before it does anything, or after it has done it. */
function cutAt(number: number, when: 'before' | 'after'): { parts: Parts; count: () => number } {
  let calls = 0;
  const around = async <T>(call: () => Promise<T>): Promise<T> => {
    const mine = ++calls;
    if (mine === number && when === 'before') throw new Cut('cut off');
    const answer = await call();
    if (mine === number) throw new Cut('cut off');
    return answer;
  };
  const { read, store, promote, discard } = vault.versions;
  const versions: RingVersions = {
    discard: (id) => around(() => discard(id)),
    read: (label) => around(() => read(label)),
    store: (id, ring) => around(() => store(id, ring)),
    promote: (id, inPlaceOf) => around(() => promote(id, inPlaceOf)),
  };
  const ask: Database['ask'] = <Row>(question: string, query: Parameters<Database['ask']>[1]) =>
    around(() => bench.operator.ask<Row>(question, query));
  return { parts: { versions, db: { ...bench.operator, ask } }, count: () => calls };
}

for (const kind of ['planned', 'emergency'] as const)
  for (const when of ['before', 'after'] as const)
    test(`cut off ${when} any of its calls, a rotation (${kind}) leaves a key that is published to sign, and the next run completes it`, async () => {
      const run = kind === 'emergency' ? emergency : rotate;
      let points = 0;
      for (let number = 1; ; number++) {
        pass(60);
        const former = await kidsOf();
        const { parts, count } = cutAt(number, when);
        const { outcome } = await run(parts);
        const signing = await kidsOf();
        const published = (await listPublishedKeys(bench.operator)).map(({ kid }) => kid);
        for (const kid of signing.active) assert.ok(published.includes(kid), `call ${number}: ${kid} signs and is not published`);
        if (kind === 'planned')
          for (const kid of former.active) assert.ok(published.includes(kid), `call ${number}: ${kid} is gone`);
        if (count() < number) {
          assert.equal(outcome, 'succeeded');
          break;
        }
        points++;
        const again = await run();
        // What was done but for its answer is done: a second rotation would come too early.
        if (again.error?.code !== 'too_early')
          assert.equal(again.outcome, 'succeeded', `call ${number}: ${again.error?.message}`);
        assert.ok(await settled(), `call ${number}`);
        const now = await states();
        for (const kid of former.active)
          assert.equal(now.get(kid), kind === 'emergency' ? 'retired' : 'retiring', `call ${number}`);
      }
      assert.ok(points > 10, `${points} points`);
    });

test('a deploy that comes upon an emergency which was cut off withdraws the former keys', async () => {
  const former = await kidsOf();
  const { promote } = vault.versions;
  const versions: RingVersions = {
    ...vault.versions,
    promote: async (...given) => {
      await promote(...given);
      throw new Cut('cut off');
    },
  };
  assert.equal((await emergency({ versions })).outcome, 'failed');
  const secret = { secret_id: vault.secret_id, readKeyRing: vault.readCurrent, writeKeyRing: async () => {} };
  await runProcedure(createSigningKeys, { db: bench.operator, now: () => clock, ...secret }, { apply: true });
  const now = await states();
  for (const kid of [...former.active, ...former.next]) assert.equal(now.get(kid), 'retired');
  assert.ok(await settled());
});

test('of two rotations at once one wins and the other says so', async () => {
  let waiting = 0;
  let open = () => {};
  const both = new Promise<void>((resolve) => {
    open = resolve;
  });
  const versions: RingVersions = {
    ...vault.versions,
    promote: async (...given) => {
      if (++waiting === 2) open();
      await both;
      return vault.versions.promote(...given);
    },
  };
  // As two functions: each has a connection of its own, and each its own pending version.
  const read: RingVersions['read'] = async (label) => {
    if (label === 'AWSCURRENT') return vault.versions.read(label);
    return pendings.shift();
  };
  const pendings: Awaited<ReturnType<RingVersions['read']>>[] = [];
  const store: RingVersions['store'] = async (id, ring) => {
    await vault.versions.store(id, ring);
    pendings.push({ id, ring });
  };
  const answers = await Promise.all([
    rotate({ versions: { ...versions, read, store } }),
    rotate({ versions: { ...versions, read, store }, db: bench.connect('oauth2_operator') }),
  ]);
  assert.deepEqual(answers.map(({ outcome }) => outcome).toSorted(), ['failed', 'succeeded']);
  const error = answers.find(({ outcome }) => outcome === 'failed')?.error;
  assert.equal(error?.code, 'conflict');
  assert.match(error?.message ?? '', /another rotation of the signing keys was faster/);
  assert.ok(await settled());
});

for (const moment of ['before', 'after'] as const)
  test(`a rotation that stalls ${moment} its swap brings no key back that an emergency withdrew meanwhile`, async () => {
    const former = await kidsOf();
    const versions: RingVersions = {
      ...vault.versions,
      promote: async (...given) => {
        if (moment === 'after') await vault.versions.promote(...given);
        assert.equal((await emergency({ db: bench.connect('oauth2_operator') })).outcome, 'succeeded');
        return moment === 'after' ? true : vault.versions.promote(...given);
      },
    };
    assert.equal((await rotate({ versions })).error?.code, 'conflict');
    const now = await states();
    for (const kid of [...former.active, ...former.next]) assert.equal(now.get(kid), 'retired');
    assert.ok(await settled());
  });

test('no private member of a key leaves the secret', async () => {
  bench.output.clear();
  const answers = [await rotate(), await emergency()];
  const rows = await bench.migrator.sql`select public_jwk from signing_keys`;
  const everywhere = JSON.stringify([answers, rows]) + (await readAuditLog(bench.migrator)).text + bench.output.text();
  const rings = [await vault.versions.read('AWSCURRENT')];
  for (const { active, next } of rings.flatMap((version) => Object.values(version?.ring.keys ?? {})))
    for (const { jwk } of [active, next]) assert.ok(!everywhere.includes(String(jwk.d)), 'a private key leaked');
});
