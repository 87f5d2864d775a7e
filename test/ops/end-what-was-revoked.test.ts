/** What was revoked since a backup, where the database that knew it is lost: the trail of events tells, or everything ends. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { RestoreStep } from '../../lib/ops/restore-step.ts';
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
      const names = await strange(run);
      bench.trail = { head: { complete_from, complete_to }, events: [] };
      const started = new Date();
      const { revoked } = await take('revoke', run);
      assert.equal(revoked?.source, 'everything ended');
      const [marks] = await bench.open(names.fresh).sql`
        select tokens_not_before >= ${started} and sessions_not_before >= ${started} as raised from revocation_watermark`;
      assert.equal(marks?.raised, true);
      await take('take-back', run);
    });
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
