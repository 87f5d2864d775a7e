/** The revocation of many tokens: what it asks for, what it counts, and that it can be run again. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { RingVersions } from '../../lib/keys/ring-versions.ts';
import { createClient } from '../../lib/ops/create-client.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { revokeTokens } from '../../lib/ops/revoke-tokens.ts';
import { listStoredKeys } from '../../lib/store/signing-key-administration.ts';
import { countEverything } from '../../lib/store/status.ts';
import { addFamilies } from '../support/many-rows.ts';
import { openVault, type TestVault } from './vault.ts';
import { addFamily, addSession, addUser, clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
let vault: TestVault;
let client_id: string;
before(async () => {
  bench = await openWorkbench();
  vault = await openVault();
  await vault.begin(bench.migrator, new Date());
  const made = await runProcedure(
    createClient,
    { db: bench.operator, ...clock },
    { input: { client_name: 'shop', grant_types: ['client_credentials'] }, apply: true, reason: 'a test' },
  );
  client_id = made.result?.client_id ?? '';
});
after(async () => {
  await vault.close();
  await bench.stop();
});

const acting = { apply: true, reason: 'test', actor: 'kim' };
const revoke = (input: object, order: object = acting, versions: RingVersions = vault.versions, longest_run_ms?: number) =>
  runProcedure(
    revokeTokens,
    { db: bench.operator, ...clock, versions, ...(longest_run_ms !== undefined && { longest_run_ms }) },
    { input, ...order },
  );
/** A run whose time is over when the rows come. */
const revokeInNoTime = (input: object) => revoke(input, acting, vault.versions, 0);
const later = () => new Date(Date.now() + 3_600_000);

test('it wants exactly one thing to revoke, that it knows, and a reason', async () => {
  const wrong: [object, string, RegExp][] = [
    [{}, 'invalid_input', /nothing says what to revoke; allowed: one of all, client_id, username, issued_before/],
    [{ all: false }, 'invalid_input', /nothing says/],
    [{ all: true, client_id }, 'invalid_input', /more than one member says/],
    [{ client_id, issued_before: later().toISOString() }, 'invalid_input', /allowed: an instant that is over/],
    [{ client_id: 'nobody' }, 'not_found', /there is no client "nobody"; list-clients shows/],
    [{ username: 'nobody' }, 'not_found', /there is no account "nobody"; list-users shows/],
    [
      { issued_before: 'yesterday' },
      'invalid_input',
      /issued_before is "yesterday"; allowed: an instant with its offset from UTC/,
    ],
    [{ issued_before: '2026-02-01' }, 'invalid_input', /allowed: an instant/],
    [{ issued_before: later().toISOString() }, 'invalid_input', /allowed: an instant that is over, and it is 20/],
  ];
  for (const [input, code, message] of wrong) {
    const { error } = await revoke(input);
    assert.equal(error?.code, code, JSON.stringify(input));
    assert.match(error?.message ?? '', message);
  }
  assert.equal((await revoke({ client_id }, { apply: true })).error?.code, 'reason_missing');
});

test('the plan counts what would end and changes nothing; a second run finds nothing left', async () => {
  const subject = await addUser(bench.migrator, 'leaver');
  await addSession(bench.migrator, { subject, expires_at: later() });
  // Signed in now, not at its end.
  await bench.migrator.sql`update sessions set authenticated_at = now() - interval '1 minute'`;
  await addFamily(bench.migrator, { client_id, subject });
  await addFamily(bench.migrator, { client_id, subject: await addUser(bench.migrator) });
  const planned = await revoke({ username: 'Leaver' }, {});
  assert.deepEqual(planned.plan.steps, [
    'revoke 1 token family of the account "leaver"',
    'revoke 1 access token of the account "leaver"',
    'end 1 sign-in session of the account "leaver"',
  ]);
  assert.equal((await countEverything(bench.operator, new Date())).access_tokens, 2);
  const { result } = await revoke({ username: 'leaver' });
  assert.deepEqual([result?.ended_sessions, result?.revoked_families, result?.revoked_access_tokens], [1, 1, 1]);
  const counts = await countEverything(bench.operator, new Date());
  assert.deepEqual([counts.sessions, counts.families, counts.access_tokens], [0, 1, 1]);
  const again = (await revoke({ username: 'leaver' })).result;
  assert.deepEqual([again?.ended_sessions, again?.revoked_families, again?.revoked_access_tokens], [0, 0, 0]);
  const { rows } = await readAuditLog(bench.migrator);
  assert.match(String(rows.at(-2)?.detail), /1 sessions ended, 1 families and 1 access tokens revoked/);
});

test('a watermark never goes back', async () => {
  const read = async () => (await bench.migrator.sql`select tokens_not_before from revocation_watermark`)[0]?.tokens_not_before;
  await revoke({ issued_before: '2026-02-02T00:00:00Z' });
  await revoke({ issued_before: '2026-02-01T00:00:00Z' });
  assert.deepEqual(await read(), new Date('2026-02-02T00:00:00Z'));
});

test('more families and sessions than one batch or one step of the sweep holds end all', async () => {
  const subject = await addUser(bench.migrator, 'busy');
  const grow = (table: 'token_families' | 'sessions') =>
    table === 'sessions'
      ? bench.migrator.sql`
          insert into sessions (session_hash, session_id, subject, authenticated_at, expires_at)
          select sha256(n::text::bytea), gen_random_uuid(), ${subject}, now(), now() + interval '1 day' from generate_series(1, 3000) n`
      : bench.migrator.sql`
          insert into token_families (family_id, client_id, subject, session_id, scope, resources, authenticated_at, amr, offline, issued_at, expires_at)
          select gen_random_uuid(), ${client_id}, ${subject}, gen_random_uuid(), repeat('x', 1000), '{}', now(), '{pwd}', true, now(), now() + interval '1 day'
          from generate_series(1, 6000)`;
  await grow('sessions');
  await grow('token_families');
  const { result } = await revoke({ username: 'busy' });
  assert.deepEqual([result?.ended_sessions, result?.revoked_families], [3000, 6000]);
  await bench.migrator.sql`delete from sessions`;
  await grow('sessions');
  await grow('token_families');
  const all = (await revoke({ all: true })).result;
  assert.equal(all?.ended_sessions, 3000);
  // Another end-user's of the tests before is among them.
  assert.equal(all?.revoked_families, 6001);
  assert.equal((await countEverything(bench.operator, new Date())).families, 0);
});

test('--all replaces the keys; cut off in the middle of that, everything is revoked all the same, and the next run replaces them', async () => {
  await addFamily(bench.migrator, { client_id, subject: await addUser(bench.migrator) });
  const former = (await listStoredKeys(bench.operator)).filter(({ state }) => state === 'active').map(({ kid }) => kid);
  const cut = { ...vault.versions, promote: async () => Promise.reject(new Error('cut off')) };
  assert.equal((await revoke({ all: true }, acting, cut)).outcome, 'failed');
  assert.equal((await countEverything(bench.operator, new Date())).access_tokens, 0);
  const { result } = await revoke({ all: true });
  assert.equal(result?.new_keys?.length, 2);
  assert.deepEqual(
    former.filter((kid) => result?.new_keys?.includes(kid)),
    [],
  );
  const stored = await listStoredKeys(bench.operator);
  for (const kid of former) assert.equal(stored.find((key) => key.kid === kid)?.state, 'retired');
  assert.equal(result?.revoked_families, 1);
});

test('--all ends nothing where there are no keys to go on with', async () => {
  await addFamily(bench.migrator, { client_id, subject: await addUser(bench.migrator) });
  const empty = { ...vault.versions, read: async () => undefined };
  assert.equal((await revoke({ all: true }, acting, empty)).error?.code, 'no_keys');
  assert.equal((await countEverything(bench.operator, new Date())).families, 1);
});

const eventsSince = async (sequence: number) =>
  (
    await bench.migrator.sql<{ type: string; data: Record<string, unknown> }[]>`
      select type, data from events where sequence > ${sequence} and type in ('token_revoked', 'user_logout') order by sequence`
  ).map(({ type, data }) => [type, Object.keys(data).sort().join(' ')]);
const lastEvent = async () => Number((await bench.migrator.sql`select coalesce(max(sequence), 0) as last from events`)[0]?.last);

test('what falls under a watermark leaves the event of the watermark, and none of its own', async () => {
  const subject = await addUser(bench.migrator, 'quiet');
  const signIn = async () => {
    await addSession(bench.migrator, { subject, expires_at: later() });
    await bench.migrator.sql`update sessions set authenticated_at = now() - interval '1 minute'`;
    await addFamily(bench.migrator, { client_id, subject });
  };
  const cases: [object, string][] = [
    [{ username: 'quiet' }, 'issued_before reason sessions user_id'],
    [{ client_id }, 'client_id issued_before reason sessions'],
    [{ all: true }, 'everybody issued_before reason sessions'],
  ];
  for (const [input, members] of cases) {
    await signIn();
    const before = await lastEvent();
    const { result } = await revoke(input);
    assert.ok((result?.revoked_families ?? 0) > 0, members);
    assert.deepEqual([...new Set((await eventsSince(before)).map(String))], [`token_revoked,${members}`]);
  }
});

test('a run whose time is over says what is left; with its instant marking goes on, with the same watermark and the same keys', async () => {
  const subject = await addUser(bench.migrator, 'many');
  const arrange = async () => {
    await addSession(bench.migrator, { subject, expires_at: later() });
    await bench.migrator.sql`update sessions set authenticated_at = now() - interval '1 minute' where ended_at is null`;
    await addFamilies(bench.migrator.sql, { client_id, subject }, 20);
    await addFamily(bench.migrator, { client_id, subject });
  };
  const marks = async () =>
    (
      await bench.migrator.sql`
        select (select tokens_not_before from revocation_watermark) as everybody, (select sessions_not_before from revocation_watermark) as sign_ins,
          (select tokens_not_before from clients where client_id = ${client_id}) as client,
          (select tokens_not_before from users where subject = ${subject}) as person`
    )[0];
  const kids = async () => (await listStoredKeys(bench.operator)).filter(({ state }) => state === 'active').map(({ kid }) => kid);
  for (const [input, left] of [
    [{ all: true }, 22],
    [{ client_id }, 21],
    [{ username: 'many' }, 22],
  ] as const) {
    await arrange();
    const first = await revokeInNoTime(input);
    const { revoked_before: issued_before = '' } = first.result ?? {};
    assert.deepEqual([first.outcome, first.result?.finished, first.result?.left], ['succeeded', false, left]);
    assert.match(first.next?.[0] ?? '', new RegExp(`^the same command with --issued-before ${issued_before}`));
    assert.match(
      String((await readAuditLog(bench.migrator)).rows.at(-1)?.detail),
      new RegExp(`in force, ${left} rows left to mark$`),
    );
    assert.equal((await countEverything(bench.operator, new Date())).access_tokens, 0);
    const [raised, keys] = [await marks(), await kids()];
    await addFamily(bench.migrator, { client_id, subject });
    const { outcome, plan, result } = await revoke({ ...input, issued_before });
    assert.deepEqual([outcome, result?.finished, result?.left, result?.new_keys], ['succeeded', true, 0, undefined]);
    assert.equal((result?.ended_sessions ?? 0) + (result?.revoked_families ?? 0), left);
    assert.doesNotMatch(plan.steps.join(), /signing keys/);
    assert.deepEqual([await marks(), await kids()], [raised, keys]);
    assert.equal((await countEverything(bench.operator, new Date())).families, 1);
    await bench.migrator.sql`update token_families set revoked_at = now()`;
    await bench.migrator.sql`update sessions set ended_at = now()`;
  }
});

test('--all with an instant replaces keys that are older than it', async () => {
  const { plan, result } = await revoke({ all: true, issued_before: new Date().toISOString() });
  assert.match(plan.steps.join(), /replace the signing keys/);
  assert.equal(result?.new_keys?.length, 2);
});
