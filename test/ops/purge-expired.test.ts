/** What a purge takes away, and what it leaves. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { partitionDays, purgeExpired } from '../../lib/ops/purge-expired.ts';
import { daysAhead, listPartitions, partitionName } from '../../lib/store/partitions.ts';
import { addCode, addFamily, addSession, addToken, addUser, clockAt, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());

const hour = 3_600_000;
const day = 24 * hour;
const noon = new Date('2026-05-10T12:00:00.000Z');
const at = (milliseconds: number) => new Date(noon.getTime() + milliseconds);

const run = (now: Date = noon, db = bench.migrator) =>
  runProcedure(purgeExpired, { db, ...clockAt(now) }, { input: {}, apply: true, reason: 'scheduled', actor: 'schedule' });

async function ids(table: string, column: string): Promise<string[]> {
  const rows = await bench.migrator.sql<
    { id: string }[]
  >`select ${bench.migrator.sql(column)}::text as id from ${bench.migrator.sql(table)}`;
  return rows.map(({ id }) => id);
}

test('partitions are made two weeks ahead, and leave when their day is over', async () => {
  const first = await run();
  assert.equal(first.result?.created_partitions.length, partitionDays);
  await addToken(bench.migrator, { client_id: 'today', expires_at: at(hour) });
  const [where] = await bench.migrator.sql`select tableoid::regclass::text as name from access_tokens`;
  assert.equal(where?.name, 'access_tokens_20260510');

  const evening = await run(at(11.9 * hour));
  assert.deepEqual(evening.result?.dropped_partitions, []);
  const tomorrow = await run(at(12 * hour));
  assert.deepEqual(tomorrow.result?.dropped_partitions, ['access_tokens_20260510']);
  assert.deepEqual(tomorrow.result?.created_partitions, ['access_tokens_20260524']);
  assert.equal(tomorrow.result?.finished, true);
  assert.equal((await bench.migrator.sql`select from access_tokens`).length, 0);
  const names = await listPartitions(bench.migrator);
  assert.ok(daysAhead(at(12 * hour), partitionDays).every((one) => names.includes(partitionName(one))));
});

test('a day whose tokens are in the default partition already is left to it, until they are gone', async () => {
  const later = new Date('2027-01-01T00:00:00.000Z');
  await addToken(bench.migrator, { client_id: 'late', expires_at: new Date('2027-01-03T10:00:00.000Z') });
  const first = await run(later);
  assert.deepEqual(first.result?.skipped_partitions, ['access_tokens_20270103']);
  assert.equal(first.result?.created_partitions.length, partitionDays - 1);
  assert.equal((await bench.migrator.sql`select from access_tokens where client_id = 'late'`).length, 1);
  const after = await run(new Date('2027-01-03T11:00:00.000Z'));
  assert.equal(after.result?.deleted.access_tokens_default, 1);
  await run(new Date('2027-01-03T11:00:01.000Z'));
  assert.ok((await listPartitions(bench.migrator)).includes('access_tokens_20270103'));
});

test('a code leaves when it has expired, a redeemed one a day later so that its replay is still seen', async () => {
  const subject = await addUser(bench.migrator);
  const code = { client_id: 'c', subject };
  await addCode(bench.migrator, { ...code, client_id: 'fresh', expires_at: at(30_000) });
  await addCode(bench.migrator, { ...code, client_id: 'expired', expires_at: at(-1000) });
  await addCode(bench.migrator, { ...code, client_id: 'redeemed', expires_at: at(-hour), redeemed_at: at(-hour) });
  await addCode(bench.migrator, { ...code, client_id: 'long ago', expires_at: at(-25 * hour), redeemed_at: at(-25 * hour) });
  const { result } = await run();
  assert.equal(result?.deleted.authorization_codes, 2);
  assert.deepEqual((await ids('authorization_codes', 'client_id')).toSorted(), ['fresh', 'redeemed']);
});

test('families leave when nothing can refer to them any more', async () => {
  const subject = await addUser(bench.migrator);
  const make = (fields: object) =>
    addFamily(bench.migrator, {
      client_id: 'c',
      subject,
      issued_at: at(-90 * day),
      expires_at: at(day),
      refresh_expires_at: at(day),
      ...fields,
    });
  const kept = [
    await make({}),
    await make({ expires_at: at(-day) }),
    await make({ refresh_expires_at: at(-day) }),
    await make({ refresh_expires_at: null, issued_at: at(-hour) }),
    await make({ revoked_at: at(-day) }),
  ];
  await make({ expires_at: at(-3 * day) });
  await make({ refresh_expires_at: at(-3 * day) });
  await make({ refresh_expires_at: null, issued_at: at(-3 * day) });
  await make({ revoked_at: at(-8 * day) });
  const { result } = await run();
  assert.equal(result?.deleted.token_families, 4);
  assert.deepEqual((await ids('token_families', 'family_id')).toSorted(), kept.toSorted());
});

test('a session that ended stays while a family that follows it lives: it would wake up otherwise', async () => {
  const subject = await addUser(bench.migrator);
  const held = await addSession(bench.migrator, { subject, expires_at: at(-2 * day), ended_at: at(-2 * day) });
  const open = await addSession(bench.migrator, { subject, expires_at: at(hour) });
  const recent = await addSession(bench.migrator, { subject, expires_at: at(-hour) });
  await addSession(bench.migrator, { subject, expires_at: at(-2 * day) });
  await addSession(bench.migrator, { subject, expires_at: at(day), ended_at: at(-2 * day) });
  await addFamily(bench.migrator, {
    client_id: 'c',
    subject,
    session_id: held,
    offline: false,
    expires_at: at(day),
    refresh_expires_at: at(day),
  });
  const { result } = await run();
  assert.equal(result?.deleted.sessions, 2);
  assert.deepEqual((await ids('sessions', 'session_id')).toSorted(), [held, open, recent].toSorted());
});

test('throttles leave with their window, devices after a year', async () => {
  const subject = await addUser(bench.migrator);
  const { sql } = bench.migrator;
  await sql`insert into throttles (bucket, failures, resets_at) values ('\\x01', 3, ${at(-1)}), ('\\x02', 3, ${at(hour)})`;
  await sql`insert into devices (device_hash, subject, last_seen_at) values ('\\x01', ${subject}, ${at(-366 * day)}), ('\\x02', ${subject}, ${at(-300 * day)})`;
  const { result } = await run();
  assert.deepEqual([result?.deleted.throttles, result?.deleted.devices], [1, 1]);
});

test('minutes of metrics leave after their days, counted lines after a week, totals never', async () => {
  const { sql } = bench.migrator;
  for (const days of [13, 15])
    await sql`insert into metric_minutes values (${at(-days * day)}, 'http_requests_total', '', '', '200', '', 'counter', 1, null, ${at(-days * day)})`;
  await sql`insert into metric_totals values ('http_requests_total', '', '', '200', '', 'counter', 2, null, ${at(-400 * day)})`;
  for (const days of [6, 8])
    await sql`insert into metric_batches values ('\\x01', ${at(-days * day)}, ${at(-days * day)}, '{1}')`;
  const { result } = await run();
  assert.deepEqual([result?.deleted.metric_minutes, result?.deleted.metric_batches], [1, 1]);
  assert.equal((await ids('metric_totals', 'value')).length, 1);
});

test('more rows than one batch holds all leave', async () => {
  await bench.migrator.sql`
    insert into throttles (bucket, failures, resets_at) select decode(lpad(to_hex(n), 8, '0'), 'hex'), 1, ${at(-1)} from generate_series(100, 2700) n`;
  const { result } = await run();
  assert.equal(result?.deleted.throttles, 2601);
  assert.equal(result?.finished, true);
});

test('two at once both succeed', async () => {
  const later = new Date('2028-03-01T00:00:00.000Z');
  const answers = await Promise.all([run(later), run(later, bench.connect('oauth2_migrator'))]);
  assert.deepEqual(
    answers.map(({ outcome, error }) => error?.message ?? outcome),
    ['succeeded', 'succeeded'],
  );
  const names = await listPartitions(bench.migrator);
  assert.equal(names.length, partitionDays + 1);
});

test('the clients that checks made for themselves leave two days after they were disabled, no other client does', async () => {
  const db = bench.migrator;
  const add = (id: string, name: string, disabled: Date | null) => db.sql`
    insert into clients (client_id, client_name, token_endpoint_auth_method, redirect_uris, post_logout_redirect_uris, grant_types, response_types, scope, resources,
      id_token_signed_response_alg, created_at, updated_at, disabled_at)
    values (${id}, ${name}, 'none', '{}', '{}', '{}', '{}', '', '{}', 'RS256', ${noon}, ${noon}, ${disabled})`;
  await add('old-check', 'oauth2ctl verify', at(-49 * hour));
  await add('new-check', 'oauth2ctl verify', at(-47 * hour));
  await add('cut-off-check', 'oauth2ctl verify', null);
  await add('shop', 'shop', at(-49 * hour));
  const { result } = await run();
  assert.equal(result?.deleted.clients, 1);
  assert.deepEqual((await ids('clients', 'client_id')).toSorted(), ['cut-off-check', 'new-check', 'shop']);
  const [event] = await db.sql`select subject, data from events where type = 'client_deleted'`;
  assert.deepEqual(
    { ...event },
    { subject: 'clients/old-check', data: { client_id: 'old-check', reason: 'made by a check of the stage' } },
  );
});
