/** What was revoked since a backup, where the database that knew it is lost: the trail of events tells, or everything ends. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { RestoreStep } from '../../lib/ops/restore-step.ts';
import { dummyHash, hashPassword, verifyPassword } from '../../lib/protocol/password.ts';
import { findVisit } from '../../lib/store/sessions.ts';
import { findUsersWithoutPassword, setPassword } from '../../lib/store/user-administration.ts';
import { addClient, inAnHour, openRestoreBench, type RestoreBench, takeStep } from '../support/restores.ts';
import { addFamily, addSession, addUser } from './workbench.ts';

let bench: RestoreBench;
before(async () => {
  bench = await openRestoreBench();
});
after(() => bench.stop());

const take = (step: RestoreStep, run: string) => takeStep(bench, step, run);

describe('where the database that serves is another one than was backed up,', () => {
  const strange = async (run: string) => {
    const names = await bench.copy(run);
    await bench.open(names.fresh).sql`update flyway_schema_history set installed_on = '2020-01-01' where installed_rank = 1`;
    return names;
  };

  test('a complete trail of events ends what it tells of', async () => {
    const live = bench.migrator;
    await addClient(live, 'trailed');
    const subject = await addUser(live);
    const erased = await addUser(live);
    await addSession(live, { subject: erased, expires_at: inAnHour() });
    const [over, kept] = [
      await addFamily(live, { client_id: 'trailed', subject }),
      await addFamily(live, { client_id: 'trailed', subject }),
    ];
    const session_id = await addSession(live, { subject, expires_at: inAnHour() });
    const [named] = await live.sql<{ family: string; jti: string }[]>`
      select left(encode(sha256(uuid_send(${over}::uuid)), 'hex'), 32) as family, (select jti from access_tokens where family_id = ${kept}) as jti`;
    const names = await strange('trail');
    const time = '2026-01-01T12:00:00.000Z';
    bench.trail = {
      head: { complete_from: '2026-01-01T02:00:00.000Z', complete_to: '2026-01-01T12:30:00.001Z' },
      events: [
        { type: 'token_revoked', time, data: { family: named?.family, reason: 'signed out' } },
        { type: 'token_revoked', time, data: { jti: named?.jti } },
        { type: 'token_revoked', time, data: { user_id: subject, issued_before: time } },
        { type: 'user_logout', time, data: { session_id } },
        { type: 'client_disabled', time, data: { client_id: 'trailed' } },
        { type: 'user_disabled', time, data: { user_id: subject } },
        { type: 'user_enabled', time, data: { user_id: subject } },
        { type: 'user_authenticated', time, data: { user_id: subject } },
        { type: 'access_blocked', time, data: { kind: 'user', target: erased } },
        { type: 'user_deleted', time, data: { user_id: erased } },
      ],
    };
    const { revoked } = await take('revoke', 'trail');
    assert.equal(revoked?.source, 'trail of events');
    const { sql } = bench.open(names.fresh);
    const [found] = await sql`
      select (select revoked_because from token_families where family_id = ${over}) as over,
        (select revoked_at is null from token_families where family_id = ${kept}) as kept,
        (select revoked_at is not null from access_tokens where jti = ${named?.jti ?? ''}) as token,
        (select ended_at is not null from sessions where session_id = ${session_id}) as session,
        (select disabled_at is not null from clients where client_id = 'trailed') as client,
        (select disabled_at is null and tokens_not_before = ${time} from users where subject = ${subject}) as person`;
    assert.deepEqual({ ...found }, { over: 'signed out', kept: true, token: true, session: true, client: true, person: true });
    const left = await sql`
      select 'user' from users where subject = ${erased} union all select 'session' from sessions where subject = ${erased}
      union all select 'block' from blocks where target = ${erased}`;
    assert.deepEqual([...left], []);
    await take('take-back', 'trail');
  });

  // It ends before somebody may have ended something, or begins after the backup.
  for (const [run, complete_from, complete_to] of [
    ['unknown', '2026-01-01T01:00:00.000Z', '2026-01-01T12:29:59.999Z'],
    ['young', '2026-01-01T02:00:00.001Z', '2026-01-01T12:30:00.001Z'],
  ] as const)
    test(`everything issued before the restore has ended where nobody knows: a trail that is ${run}`, async () => {
      const subject = await addUser(bench.migrator);
      const names = await strange(run);
      const changed = { type: 'user_password_changed', time: '2027-01-01T12:00:00.000Z', data: { user_id: subject } } as const;
      bench.trail = { head: { complete_from, complete_to }, events: [changed] };
      const started = new Date();
      const { revoked } = await take('revoke', run);
      assert.equal(revoked?.source, 'everything ended');
      const [marks] = await bench.open(names.fresh).sql`
        select tokens_not_before >= ${started} and sessions_not_before >= ${started} as raised from revocation_watermark`;
      assert.equal(marks?.raised, true);
      // What it knows counts all the same.
      const [account] = await bench.open(names.fresh).sql`select password_hash from users where subject = ${subject}`;
      assert.equal(account?.password_hash, dummyHash);
      await take('take-back', run);
    });
});

test('where the trail tells of a changed password, nobody signs in with the one of the backup until there is a new one, and the account is named', async () => {
  const live = bench.migrator;
  const [before, after] = ['2025-06-01T00:00:00.000Z', '2026-06-01T00:00:00.000Z'];
  const [leaked, kept, newer] = [await addUser(live), await addUser(live), await addUser(live)];
  const leakedHash = await hashPassword('the leaked one', randomBytes(16));
  await live.sql`update users set password_hash = ${leakedHash}, password_changed_at = ${before} where subject in (${leaked}, ${kept})`;
  await live.sql`update users set password_hash = ${leakedHash}, password_changed_at = ${after} where subject = ${newer}`;
  const session = Buffer.from('a session of before');
  await live.sql`
    insert into sessions (session_hash, session_id, subject, authenticated_at, expires_at)
    values (${session}, gen_random_uuid(), ${leaked}, ${before}, '2099-01-01')`;
  const names = await bench.copy('leaked');
  const fresh = bench.open(names.fresh);
  await fresh.sql`update flyway_schema_history set installed_on = '2020-01-01' where installed_rank = 1`;
  const time = '2026-01-01T12:00:00.000Z';
  bench.trail = {
    head: { complete_from: '2026-01-01T02:00:00.000Z', complete_to: '2026-01-01T12:30:00.001Z' },
    events: [leaked, newer].map((user_id) => ({ type: 'user_password_changed', time, data: { user_id } })),
  };
  assert.equal((await take('revoke', 'leaked')).revoked?.source, 'trail of events');
  const opens = async (subject: string) => {
    const [row] = await fresh.sql<{ hash: string }[]>`select password_hash as hash from users where subject = ${subject}`;
    return verifyPassword('the leaked one', row?.hash ?? '');
  };
  assert.deepEqual([await opens(leaked), await opens(kept), await opens(newer)], [false, true, true]);
  const [marks] =
    await fresh.sql`select tokens_not_before as tokens, password_changed_at as changed from users where subject = ${leaked}`;
  assert.deepEqual([marks?.tokens, marks?.changed], [new Date(time), new Date(time)]);
  assert.equal((await findVisit(fresh, '', session, new Date(before))).session, undefined);
  await take('swap', 'leaked');
  const { restored } = await take('finish', 'leaked');
  assert.deepEqual(restored?.without_password, { accounts: 1, first: [leaked] });
  const served = bench.open(names.live);
  await setPassword(served, leaked, 'a new hash', new Date());
  assert.deepEqual(await findUsersWithoutPassword(served, 10), { accounts: 0, first: [] });
  await take('take-back', 'leaked');
  await live.sql`delete from users where subject in (${leaked}, ${kept}, ${newer})`;
});

test('what the trail tells of blocks, keys and sign-ins counts too', async () => {
  const live = bench.migrator;
  await live.sql`insert into signing_keys (kid, alg, public_jwk, state, created_at) values ('old', 'ES256', '{}', 'retiring', '2025-12-01')`;
  await live.sql`insert into blocks (kind, target, blocked_at, reason) values ('address', '198.51.100.0/24', '2025-12-01', 'guesses')`;
  const names = await bench.copy('more');
  const { sql } = bench.open(names.fresh);
  await sql`update flyway_schema_history set installed_on = '2020-01-01' where installed_rank = 1`;
  const [before] = await sql`select sessions_not_before as mark from revocation_watermark`;
  const time = '2026-01-01T12:00:00.000Z';
  const address = { kind: 'address', target: '192.0.2.0/24', expires_at: '2026-01-02T00:00:00.000Z', was_disabled: false };
  bench.trail = {
    head: { complete_from: '2026-01-01T02:00:00.000Z', complete_to: '2026-01-01T12:30:00.001Z', sequence: '4711' },
    events: [
      { type: 'access_blocked', time, data: address },
      { type: 'access_unblocked', time, data: { kind: 'address', target: '198.51.100.0/24' } },
      { type: 'signing_keys_rotated', time, data: { active: ['new'], pending: ['next'], withdrawn: true } },
      { type: 'token_revoked', time, data: { everybody: true, issued_before: time, sessions: false } },
    ],
  };
  assert.equal((await take('revoke', 'more')).revoked?.source, 'trail of events');
  const blocks = await sql<{ target: string }[]>`select target from blocks where kind = 'address' order by target`;
  assert.deepEqual(
    blocks.map(({ target }) => target).filter((target) => /^(192|198)/.test(target)),
    ['192.0.2.0/24'],
  );
  const [found] = await sql`
    select (select state from signing_keys where kid = 'old') as key, tokens_not_before >= ${time} as raised,
      sessions_not_before is not distinct from ${before?.mark ?? null} as kept, nextval('events_sequence_seq') > 4711 as beyond from revocation_watermark`;
  assert.deepEqual({ ...found }, { key: 'retired', raised: true, kept: true, beyond: true });
  await take('take-back', 'more');
  await live.sql`delete from blocks`;
});
