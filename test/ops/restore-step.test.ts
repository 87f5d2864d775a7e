/** The steps of a restore: what was revoked stays revoked by whatever is known of it, and from every state there is a way back. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { RestoreStep } from '../../lib/ops/restore-step.ts';
import type { Database } from '../../lib/store/database.ts';
import { closeDatabase, maintenanceDatabase, renameDatabase } from '../../lib/store/databases.ts';
import { recordAlone } from '../../lib/store/event-recording.ts';
import { isInMaintenance, setMaintenance } from '../../lib/store/maintenance.ts';
import { deleteAccount } from '../../lib/store/personal-data.ts';
import { setPassword } from '../../lib/store/user-administration.ts';
import { addClient, attemptStep, inAnHour, openRestoreBench, type RestoreBench, takeStep } from '../support/restores.ts';
import { addCode, addFamily, addSession, addToken, addUser, readAuditLog } from './workbench.ts';

let bench: RestoreBench;
before(async () => {
  bench = await openRestoreBench();
});
after(() => bench.stop());

const attempt = (step: RestoreStep, run: string) => attemptStep(bench, step, run);
const take = (step: RestoreStep, run: string) => takeStep(bench, step, run);

/** Rows of which one of each pair ends after the backup, and the other does not. */
async function arrange(db: Database) {
  for (const name of ['kept', 'disabled', 'deleted', 'lost', 'new-secret']) await addClient(db, name);
  const [user, disabled, changed] = [await addUser(db), await addUser(db), await addUser(db)];
  const [lost, erased] = [await addUser(db), await addUser(db)];
  const family = () => addFamily(db, { client_id: 'kept', subject: user });
  const rows = {
    user,
    disabled,
    changed,
    lost,
    erased,
    kept_family: await family(),
    revoked_family: await family(),
    rotated_family: await family(),
    purged_family: await family(),
    lost_family: await family(),
    kept_session: await addSession(db, { subject: user, expires_at: inAnHour() }),
    ended_session: await addSession(db, { subject: user, expires_at: inAnHour() }),
  };
  await addToken(db, { client_id: 'kept', subject: user, expires_at: inAnHour() });
  await addCode(db, { client_id: 'kept', subject: user, expires_at: inAnHour() });
  await addSession(db, { subject: erased, expires_at: inAnHour() });
  await db.sql`insert into blocks (kind, target, blocked_at, reason) values ('user', ${erased}, now(), 'guesses')`;
  for (const subject of [user, changed, erased]) {
    await db.sql`insert into grants (subject, client_id, scope, granted_at) values (${subject}, 'kept', 'openid', now())`;
  }
  await db.sql`insert into signing_keys (kid, alg, public_jwk, state, created_at) values ('stolen', 'ES256', '{}', 'retiring', now())`;
  return rows;
}

/** The event that a revocation leaves. */
async function recordRevocation(db: Database, family_id: string): Promise<void> {
  const [row] = await db.sql<
    { family: string }[]
  >`select left(encode(sha256(uuid_send(${family_id}::uuid)), 'hex'), 32) as family`;
  await recordAlone(db, new Date(), 'token_revoked', null, { family: row?.family, reason: 'signed out' });
}

const because = { revoked_because: 'revoked by an operator' };

test('what the database of before knows to be over is over in the restored one, and nothing else is', async () => {
  const { migrator: live } = bench;
  const rows = await arrange(live);
  const names = await bench.copy('known');
  const newHash = randomBytes(32);
  await live.sql`update token_families set revoked_at = now(), ${live.sql(because)} where family_id = ${rows.revoked_family}`;
  await live.sql`update token_families set generation = generation + 1, refresh_hash = ${newHash}, rotated_at = now() where family_id = ${rows.rotated_family}`;
  await recordRevocation(live, rows.purged_family);
  await live.sql`delete from token_families where family_id in (${rows.purged_family}, ${rows.lost_family})`;
  await live.sql`update access_tokens set revoked_at = now() where client_id = 'kept' and family_id is null`;
  await live.sql`update sessions set ended_at = now() where session_id = ${rows.ended_session}`;
  await live.sql`update clients set disabled_at = now() where client_id = 'disabled'`;
  await live.sql`delete from clients where client_id in ('deleted', 'lost')`;
  await recordAlone(live, new Date(), 'client_deleted', 'clients/deleted', { client_id: 'deleted' });
  await live.sql`update clients set client_secret_hash = ${newHash}, updated_at = now() where client_id = 'new-secret'`;
  await live.sql`update users set disabled_at = now() where subject = ${rows.disabled}`;
  await live.sql`update users set password_hash = 'new', password_changed_at = now() where subject = ${rows.changed}`;
  await live.sql`delete from users where subject = ${rows.lost}`;
  await deleteAccount(live, rows.erased, new Date());
  await live.sql`update grants set revoked_at = now() where subject = ${rows.changed}`;
  await live.sql`update signing_keys set state = 'retired' where kid = 'stolen'`;
  await live.sql`insert into blocks (kind, target, blocked_at, reason) values ('address', '203.0.113.0/24', now(), 'guesses')`;
  await live.sql`update revocation_watermark set tokens_not_before = '2026-01-02T00:00:00Z'`;
  await live.sql`insert into audit_log (actor, procedure, reason, outcome) values ('op', 'block', 'after the backup', 'succeeded')`;

  const { revoked } = await take('revoke', 'known');
  assert.equal(revoked?.source, 'former database');
  const { sql } = bench.open(names.fresh);
  const families = await sql<{ family_id: string; over: boolean; hash: Buffer }[]>`
    select family_id, revoked_at is not null as over, refresh_hash as hash from token_families`;
  const overOf = (id: string) => families.find(({ family_id }) => family_id === id)?.over;
  assert.deepEqual(
    [rows.kept_family, rows.revoked_family, rows.rotated_family, rows.purged_family, rows.lost_family].map(overOf),
    [false, true, false, true, false],
  );
  assert.ok(families.find(({ family_id }) => family_id === rows.rotated_family)?.hash.equals(newHash));
  const [tokens] =
    await sql`select count(*) filter (where revoked_at is not null)::integer as over from access_tokens where family_id is null`;
  assert.equal(tokens?.over, 1);
  const sessions = await sql`select session_id, ended_at is not null as over from sessions`;
  assert.deepEqual(
    [rows.kept_session, rows.ended_session].map((id) => sessions.find(({ session_id }) => session_id === id)?.over),
    [false, true],
  );
  const clients =
    await sql`select client_id, disabled_at is not null as over, client_secret_hash as hash from clients order by client_id`;
  assert.deepEqual(
    clients.map(({ client_id, over }) => [client_id, over]),
    [
      ['deleted', true],
      ['disabled', true],
      ['kept', false],
      ['lost', false],
      ['new-secret', false],
    ],
  );
  assert.deepEqual(clients.at(-1)?.hash, newHash);
  const users = await sql`select subject, disabled_at is not null as over, password_hash from users`;
  const userOf = (id: string) => users.find(({ subject }) => subject === id);
  assert.deepEqual(
    [userOf(rows.user)?.over, userOf(rows.disabled)?.over, userOf(rows.changed)?.password_hash],
    [false, true, 'new'],
  );
  // Of one that a script lost there is no event; one that was deleted by right is gone here too.
  assert.deepEqual([userOf(rows.lost)?.over, userOf(rows.erased)], [false, undefined]);
  const left = await sql`
    select 'session' from sessions where subject = ${rows.erased} union all select 'grant' from grants where subject = ${rows.erased}
    union all select 'block' from blocks where target = ${rows.erased}`;
  assert.deepEqual([...left], []);
  const grants = await sql`select subject, revoked_at is not null as over from grants`;
  assert.deepEqual(Object.fromEntries(grants.map(({ subject, over }) => [subject, over])), {
    [rows.user]: false,
    [rows.changed]: true,
  });
  const [rest] = await sql`
    select (select state from signing_keys where kid = 'stolen') as key, (select target from blocks) as block,
      (select tokens_not_before = '2026-01-02T00:00:00Z' from revocation_watermark) as mark, (select count(*)::integer from authorization_codes where redeemed_at is null) as codes,
      (select count(*)::integer from audit_log where reason = 'after the backup') as entries`;
  assert.deepEqual({ ...rest }, { key: 'retired', block: '203.0.113.0/24', mark: true, codes: 0, entries: 1 });
  // The same again changes nothing more.
  const again = await take('revoke', 'known');
  assert.equal(again.revoked?.changed.token_families, 0);
  await take('take-back', 'known');
});

/** Which database a name leads to. */
async function markOf(database: string): Promise<string | undefined> {
  const [row] = await bench.open(database).sql<
    { mark: string }[]
  >`select client_name as mark from clients where client_id = 'mark'`;
  return row?.mark;
}

async function marked(run: string) {
  const { migrator: live } = bench;
  await live.sql`delete from clients where client_id = 'mark'`;
  await addClient(live, 'mark');
  await live.sql`update clients set client_name = 'before' where client_id = 'mark'`;
  const names = await bench.copy(run);
  await bench.open(names.fresh).sql`update clients set client_name = 'restored' where client_id = 'mark'`;
  await setMaintenance(bench.migrator, true);
  return names;
}

test('the restored database takes the place of the one that served, which is kept, and writes are let in when it was found well', async () => {
  const names = await marked('swapped');
  await take('swap', 'swapped');
  assert.equal(await markOf(names.live), 'restored');
  assert.equal(await markOf(names.former), 'before');
  assert.equal(await isInMaintenance(bench.open(names.live)), true);
  assert.equal((await take('swap', 'swapped')).kept, names.former);
  const { restored } = await take('finish', 'swapped');
  assert.ok((restored?.clients ?? 0) > 0);
  assert.equal(await isInMaintenance(bench.open(names.live)), false);
  const { rows } = await readAuditLog(bench.open(names.live));
  assert.deepEqual([rows.at(-1)?.procedure, rows.at(-1)?.reason], ['restore-step', 'drill']);
  await bench.open(names.live).sql`
    insert into audit_log (actor, procedure, reason, outcome) values ('op', 'create-client', 'in the restored one', 'succeeded')`;
  await take('take-back', 'swapped');
  assert.equal(await markOf(names.live), 'before');
  const told = (await readAuditLog(bench.open(names.live))).rows.filter(({ procedure }) => procedure !== 'maintenance');
  assert.deepEqual(
    told.slice(-4).map(({ detail, reason, outcome }) => [detail?.toString().split(' ')[0] ?? reason, outcome]),
    [
      ['swap', 'succeeded'],
      ['finish', 'succeeded'],
      ['in the restored one', 'succeeded'],
      ['take-back', 'succeeded'],
    ],
    'what was done while the restored one served stays on record',
  );
});

test('what was ended after the revocations were carried over, and before the swap, is over as well; events keep their numbers', async () => {
  const { migrator: live } = bench;
  await addClient(live, 'late');
  const subject = await addUser(live);
  await bench.copy('late');
  await recordAlone(live, new Date(), 'client_registered', 'clients/x', { client_id: 'x' });
  await take('revoke', 'late');
  await live.sql`update clients set disabled_at = now() where client_id = 'late'`;
  await recordAlone(live, new Date(), 'client_disabled', 'clients/late', { client_id: 'late' });
  await setPassword(live, subject, 'of the last moment', new Date());
  await live.sql`insert into audit_log (actor, procedure, reason, outcome) values ('op', 'disable-client', 'in the last moment', 'succeeded')`;
  const [{ ids }] = (await live.sql`select array_agg(event_id::text order by event_id) as ids from events`) as unknown as [
    { ids: string },
  ];
  await take('swap', 'late');
  const { restored } = await take('finish', 'late');
  assert.equal(restored?.without_password.accounts, 0);
  const [found] = await bench.open(bench.tools.live).sql`
    select (select disabled_at is not null from clients where client_id = 'late') as disabled,
      (select password_hash from users where subject = ${subject}) as password,
      (select count(*)::integer from audit_log where reason = 'in the last moment') as entries,
      (select array_agg(event_id::text order by event_id) from events) as ids,
      nextval('events_sequence_seq') > (select max(sequence) from events) as beyond`;
  assert.deepEqual({ ...found }, { disabled: true, password: 'of the last moment', entries: 1, ids, beyond: true });
  await take('take-back', 'late');
});

describe('the way back leads to the database of before, out of maintenance, from', () => {
  const from: readonly (readonly [state: string, run: string, arrive: (run: string) => Promise<unknown>])[] = [
    ['before the swap', 'one', async () => {}],
    [
      'the middle of it',
      'two',
      async (run) => {
        const { live, former } = { live: bench.tools.live, former: `${bench.tools.live}_before_${run}` };
        const server = bench.open(maintenanceDatabase);
        await closeDatabase(server, live);
        await renameDatabase(server, live, former);
      },
    ],
    ['a database that is closed already', 'three', () => closeDatabase(bench.open(maintenanceDatabase), bench.tools.live)],
    [
      'one of before that was stopped between the two names',
      'other',
      async () => {
        const { live } = bench.tools;
        const server = bench.open(maintenanceDatabase);
        await closeDatabase(server, live);
        await renameDatabase(server, live, `${live}_before_20260101`);
      },
    ],
    ['after the swap', 'four', (run) => take('swap', run)],
    ['having been there', 'five', (run) => take('take-back', run)],
  ];
  for (const [state, run, arrive] of from)
    test(state, async () => {
      const names = await marked(run);
      await arrive(run);
      await take('take-back', run);
      assert.equal(await markOf(names.live), 'before');
      assert.equal(await isInMaintenance(bench.open(names.live)), false);
      assert.deepEqual(await bench.databases(), [names.live]);
    });
});

test('one that was cut off behind the last name opens both databases when it is run again', async () => {
  const names = await marked('cut');
  await take('swap', 'cut');
  const server = bench.open(maintenanceDatabase);
  for (const name of [names.live, names.former]) await closeDatabase(server, name);
  await assert.rejects(markOf(names.live));
  await take('swap', 'cut');
  assert.equal(await markOf(names.live), 'restored');
  assert.equal(await markOf(names.former), 'before');
  await take('take-back', 'cut');
});

test('whoever else works in the database is named, and nothing is swapped', async () => {
  const names = await marked('busy');
  const other = bench.open(names.live, 'postgres');
  await other.sql`select 1`;
  const { error } = await attempt('swap', 'busy');
  assert.match(String(error?.message), /^postgres still works in test_\w+: end that session/);
  await other.end();
  await take('take-back', 'busy');
  assert.equal(await markOf(names.live), 'before');
});
