/** The rotation of the signing keys as Secrets Manager asks for it: four calls, each of which may come again, come late or come alone. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import type { RingVersions } from '../../lib/keys/ring-versions.ts';
import { isSettled } from '../../lib/ops/key-rotation.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { rotateSigningKeys } from '../../lib/ops/rotate-signing-keys.ts';
import { isRotationStep, type RotationStep, serveRotationStep } from '../../lib/ops/rotation-steps.ts';
import { listPublicKeys } from '../../lib/protocol/key-ring.ts';
import { listStoredKeys } from '../../lib/store/signing-key-administration.ts';
import { openVault, type TestVault } from './vault.ts';
import { openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
let vault: TestVault;
before(async () => {
  bench = await openWorkbench();
  vault = await openVault();
});
after(async () => {
  await vault.close();
  await bench.stop();
});
const start = new Date('2026-03-01T00:00:00.000Z');
/** A month later, when verifiers have seen the next keys. */
const now = new Date('2026-03-31T00:00:00.000Z');
beforeEach(() => vault.begin(bench.migrator, start));

interface Parts {
  readonly versions?: RingVersions;
}
const tools = ({ versions = vault.versions }: Parts = {}) => ({ db: bench.operator, versions, now: () => now });
const rotate = (input: object = {}) =>
  runProcedure(rotateSigningKeys, tools(), { input, apply: true, reason: 'test', actor: 'kim' });
const emergency = () => rotate({ emergency: true });
const kidsOf = async () => {
  const keys = listPublicKeys(await vault.readCurrent());
  const by = (wanted: string) => keys.filter(({ state }) => state === wanted).map(({ kid }) => kid);
  return { active: by('active'), next: by('pending') };
};
const settled = async () => isSettled(await vault.readCurrent(), await listStoredKeys(bench.operator));

test('the four calls of Secrets Manager rotate the keys, however often each comes', async () => {
  const former = await kidsOf();
  const id = randomUUID();
  for (const Step of ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const)
    for (let time = 0; time < 2; time++) {
      const event: unknown = { Step, SecretId: vault.secret_id, ClientRequestToken: id };
      assert.ok(isRotationStep(event));
      await serveRotationStep({ ...tools(), secret_id: vault.secret_id }, event);
      const { active } = await kidsOf();
      assert.deepEqual(active, Step === 'finishSecret' ? former.next : former.active);
    }
  assert.ok(await settled());
  assert.equal((await vault.versions.read('AWSCURRENT'))?.id, id);
  const { rows } = await readAuditLog(bench.migrator);
  assert.deepEqual([rows.at(-1)?.actor, rows.at(-1)?.procedure], ['secretsmanager', 'rotate-signing-keys']);
});

test('what Secrets Manager rotates counts as the procedure, and what it cannot rotate counts as its failure', async () => {
  const call = (Step: RotationStep['Step'], id: string, parts: Parts = {}) =>
    serveRotationStep(
      { ...tools(parts), secret_id: vault.secret_id },
      { Step, SecretId: vault.secret_id, ClientRequestToken: id },
    );
  const counted = () =>
    bench.output
      .metrics()
      .filter(({ procedure }) => procedure === 'rotate-signing-keys')
      .map((line) => ('procedure_failed_total' in line ? 'failed' : 'succeeded'));
  bench.output.clear();
  const id = randomUUID();
  const recorded = async () =>
    (
      await bench.migrator.sql`select outcome from audit_log where reason = ${`rotate-secret, version ${id}`} order by audit_id`
    ).map(({ outcome }) => outcome);
  await call('createSecret', id);
  await call('createSecret', id);
  assert.deepEqual(await recorded(), ['begun'], 'before anything is done, and once');
  for (const Step of ['setSecret', 'testSecret', 'finishSecret'] as const) await call(Step, id);
  assert.deepEqual(await recorded(), ['begun', 'succeeded']);
  assert.equal((await readAuditLog(bench.migrator)).rows.filter(({ reason }) => String(reason).includes(id)).length, 1);
  assert.deepEqual(counted(), ['succeeded']);
  // Verifiers may not have seen the next keys, which is nobody's failure.
  await assert.rejects(call('createSecret', randomUUID()), /verifiers that cache the JWKS may not/);
  assert.deepEqual(counted(), ['succeeded']);
  const versions = { ...vault.versions, read: async () => Promise.reject(new Error('no')) };
  await assert.rejects(call('createSecret', randomUUID(), { versions }), /no/);
  assert.deepEqual(counted(), ['succeeded', 'failed']);
});

test('a test without a pending ring, as when the schedule is set, is of the keys that sign; it rotates nothing', async () => {
  const test = (id: string = randomUUID()) =>
    serveRotationStep(
      { ...tools(), secret_id: vault.secret_id },
      { Step: 'testSecret', SecretId: vault.secret_id, ClientRequestToken: id },
    );
  const former = await kidsOf();
  await vault.versions.discard((await vault.versions.read('AWSPENDING'))?.id ?? '');
  await test();
  await rotate();
  // The label of the pending version stays on the one that became the current one.
  await test();
  assert.deepEqual((await kidsOf()).active, former.next);
  await vault.versions.store(randomUUID(), await vault.readCurrent());
  await assert.rejects(test(), /another rotation/);
  await bench.migrator.sql`truncate signing_keys`;
  await assert.rejects(test((await vault.versions.read('AWSPENDING'))?.id), /does not verify with what is published/);
});

test('Secrets Manager is refused another secret, keys that verifiers have not seen, and a version that an emergency overtook', async () => {
  const call = (Step: RotationStep['Step'], id: string, SecretId = vault.secret_id) =>
    serveRotationStep({ ...tools(), secret_id: vault.secret_id }, { Step, SecretId, ClientRequestToken: id });
  await assert.rejects(call('createSecret', randomUUID(), 'arn:other'), /the secret is arn:other/);
  const id = randomUUID();
  await call('createSecret', id);
  await call('setSecret', id);
  const pending = await vault.versions.read('AWSPENDING');
  await emergency();
  await vault.versions.store(randomUUID(), pending?.ring as never);
  const overtaken = (await vault.versions.read('AWSPENDING'))?.id ?? '';
  await assert.rejects(call('finishSecret', overtaken), /rotated meanwhile/);
  // As long as it were pending, Secrets Manager would begin no other rotation.
  assert.equal(await vault.versions.read('AWSPENDING'), undefined);
  await assert.rejects(call('finishSecret', id), /faster/);
  await assert.rejects(call('createSecret', randomUUID()), /verifiers that cache the JWKS may not/);
  assert.ok(await settled());
  assert.equal(isRotationStep({ input: {}, apply: true }), false);
});
