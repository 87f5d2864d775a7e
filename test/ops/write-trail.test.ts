/** The trail of events on a real bucket and a real Postgres: it has every event once it says so, whoever commits when, and whatever the bus does. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openStorage, type Storage } from '../../lib/local/s3.ts';
import { StorageUnavailable } from '../../lib/ops/backup-storage.ts';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { BusUnavailable, type PutEvents } from '../../lib/ops/put-events.ts';
import { openTrailReader, type TrailReader } from '../../lib/ops/read-trail.ts';
import { type RelayTools, relayEvents } from '../../lib/ops/relay-events.ts';
import { openTrail, pagesOf } from '../../lib/ops/write-trail.ts';
import { readLineage } from '../../lib/store/databases.ts';
import { forgetTrail } from '../../lib/store/event-relay.ts';
import { clock, openWorkbench, type Workbench } from './workbench.ts';

let bench: Workbench;
let storage: Storage;
let reader: TrailReader;
/** Of the database. */
let lineage = '';
/** Of the test; each has one of its own. */
let bucket = '';
let tests = 0;
const folder = mkdtempSync(join(tmpdir(), 'oauth2-trail-'));
before(async () => {
  bench = await openWorkbench();
  lineage = (await readLineage(bench.migrator)) ?? '';
  storage = await openStorage(folder);
  Object.assign(env, {
    AWS_ENDPOINT_URL_S3: storage.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
});
after(async () => {
  await storage.close();
  await bench.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  bucket = `trail-${tests++}`;
  storage.declare([{ name: bucket }]);
  reader = openTrailReader(bucket);
  await bench.migrator.sql`truncate events`;
  await bench.migrator.sql`update event_relay set held_until = null, trail_since = null, trail_complete_to = null`;
});

const takes: PutEvents = async (events) => events.map(() => undefined);
const relay = async (more: Partial<RelayTools> = {}) => {
  const tools = {
    db: bench.operator,
    ...clock,
    issuer: 'https://issuer.example',
    publishes: () => true,
    put: takes,
    trail: openTrail(bucket),
  };
  const answer = await runProcedure(relayEvents, { ...tools, ...more }, { apply: true, actor: 'schedule' });
  assert.equal(answer.outcome, 'succeeded', JSON.stringify(answer));
  return answer.result as NonNullable<typeof answer.result>;
};
const record = (number: number, type = 'token_revoked', at = new Date()) => bench.migrator.sql`
  insert into events (at, type, subject, data, producer) values (${at}, ${type}, 'users/a', ${bench.migrator.sql.json({ number })}, 'test')`;
const numbersSince = async (since: Date) =>
  (await Array.fromAsync(reader.readSince(since))).flat().map(({ data }) => data.number);
const longAgo = new Date('2020-01-01T00:00:00Z');

test('what was written is read back, in order and once; the head says since when and up to when that is all', async () => {
  assert.equal(await reader.readHead(lineage), undefined);
  for (const number of [1, 2, 3]) await record(number);
  const before = Date.now();
  assert.equal((await relay()).trailed, 3);
  const first = await reader.readHead(lineage);
  assert.ok(Date.parse(first?.complete_to ?? '') >= before - 1);
  assert.equal(first?.complete_from, first?.complete_to);
  await record(4);
  assert.equal((await relay()).trailed, 1);
  assert.equal((await relay()).trailed, 0);
  assert.deepEqual(await numbersSince(longAgo), [1, 2, 3, 4]);
  const later = await reader.readHead(lineage);
  assert.equal(later?.complete_from, first?.complete_from);
  assert.ok(Date.parse(later?.complete_to ?? '') > Date.parse(first?.complete_to ?? ''));
  const [last] = await bench.migrator.sql`select max(sequence)::text as number from events`;
  assert.equal(later?.sequence, last?.number);
});

test('pages are of one day each, so that whoever reads since an instant lists from its day on', async () => {
  const event = (sequence: string, at: string) =>
    ({
      sequence,
      event_id: `0000000${sequence}-x`,
      at: new Date(at),
      type: 'user_logout',
      subject: null,
      data: {},
      producer: 'p',
    }) as never;
  const pages = pagesOf(
    [event('7', '2026-01-01T23:59:59Z'), event('8', '2026-01-02T00:00:00Z'), event('9', '2026-01-02T00:00:01Z')],
    'https://i',
  );
  assert.deepEqual(
    pages.map(([key, text]) => [key, text.trim().split('\n').length]),
    [
      ['trail/2026/01/01/7-7-00000007.jsonl', 1],
      ['trail/2026/01/02/8-9-00000008.jsonl', 2],
    ],
  );
  await record(1, 'user_logout', new Date(Date.now() - 3 * 86_400_000));
  await record(2);
  await relay();
  assert.deepEqual(await numbersSince(new Date(Date.now() - 86_400_000)), [2]);
  assert.deepEqual(await numbersSince(longAgo), [1, 2]);
});

test('a transaction that is open while later ones commit is in the next page, and the head never claims it before', async () => {
  const writer = bench.connect('oauth2_api');
  const [inserted, finish] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow = writer.sql.begin(async (sql) => {
    await sql`insert into events (at, type, subject, data, producer) values (now(), 'token_revoked', 'users/slow', '{"number": 1}', 'test')`;
    inserted.resolve();
    await finish.promise;
  });
  await inserted.promise;
  await record(2);
  await relay();
  assert.deepEqual(await numbersSince(longAgo), [2]);
  const head = await reader.readHead(lineage);
  finish.resolve();
  await slow;
  assert.ok(Date.parse(head?.complete_to ?? '') <= Date.now());
  await relay();
  assert.deepEqual((await numbersSince(longAgo)).toSorted(), [1, 2]);
});

test('whatever was committed before the instant of the head is in the trail: many writers, at any time', async () => {
  const committed: { number: number; at: number }[] = [];
  const writers = [1, 2, 3].map((writer) => [writer, bench.connect('oauth2_api')] as const);
  let over = false;
  const writing = Promise.all(
    writers.map(async ([writer, db]) => {
      for (let turn = 0; turn < 40; turn++) {
        const number = writer * 1000 + turn;
        await db.sql.begin(async (sql) => {
          await sql`insert into events (at, type, data, producer) values (now(), 'token_revoked', ${sql.json({ number })}, 'test')`;
          await pause((turn * writer) % 4);
        });
        // It was told that it is committed by then.
        committed.push({ number, at: Date.now() });
      }
    }),
  ).finally(() => {
    over = true;
  });
  let looks = 0;
  while (!over) {
    await relay();
    const complete = Date.parse((await reader.readHead(lineage))?.complete_to ?? '');
    const known = new Set(await numbersSince(longAgo));
    const missing = committed.filter(({ number, at }) => at < complete && !known.has(number));
    assert.deepEqual(missing, []);
    looks++;
  }
  await writing;
  await relay();
  assert.ok(looks > 2);
  assert.equal((await numbersSince(longAgo)).length, 120);
});

test('a broken bus keeps nothing from the trail, nor does the filter', async () => {
  await record(1);
  const put: PutEvents = async () => {
    throw new BusUnavailable('no answer');
  };
  const { trailed, delivered, waiting } = await relay({ put });
  assert.deepEqual([trailed, delivered, waiting], [1, 0, 1]);
  await record(2, 'user_logout');
  const { trailed: more, kept_back } = await relay({ publishes: () => false });
  assert.deepEqual([more, kept_back], [1, 2]);
  assert.deepEqual(await numbersSince(longAgo), [1, 2]);
});

test('a bucket that is away fails no run and loses nothing: what is not in the trail is not sent, and the head stays', async () => {
  await record(1);
  await relay();
  const head = await reader.readHead(lineage);
  await record(2);
  const trail = async () => {
    throw new StorageUnavailable('writing: TimeoutError');
  };
  const { delivered, waiting, trail_fault } = await relay({ trail });
  assert.deepEqual([delivered, waiting, trail_fault], [0, 1, 'writing: TimeoutError']);
  assert.deepEqual(await reader.readHead(lineage), head);
  const { delivered: sent, trailed } = await relay();
  assert.deepEqual([sent, trailed], [1, 1]);
  assert.deepEqual(await numbersSince(longAgo), [1, 2]);
});

test('a page that was written and not noted is written again, and its events are read once', async () => {
  await record(1);
  const trail = openTrail(bucket);
  const losing = async (key: string, text: string) => {
    await trail(key, text);
    await bench.migrator.sql`update event_relay set holder = gen_random_uuid()`;
  };
  assert.equal((await relay({ trail: losing })).trailed, 0);
  assert.equal(await reader.readHead(lineage), undefined);
  await bench.migrator.sql`update event_relay set held_until = null`;
  assert.equal((await relay()).trailed, 1);
  assert.deepEqual(await numbersSince(longAgo), [1]);
});

test('more than a page is written to its end before the head claims it', async () => {
  await bench.migrator.sql`
    insert into events (at, type, data, producer)
    select now(), 'token_revoked', jsonb_build_object('number', n), 'test' from generate_series(1, 2500) as n`;
  assert.equal((await relay()).trailed, 2500);
  assert.equal((await numbersSince(longAgo)).length, 2500);
  assert.ok(await reader.readHead(lineage));
});

test('only what a restore carries out again is read; what may be taken back comes last, in its order and once', async () => {
  for (const [number, type] of ['user_disabled', 'user_authenticated', 'user_logout', 'user_enabled'].entries())
    await record(number, type);
  await relay();
  // Written once more, as a page that was not noted is, and by then a longer one.
  await bench.migrator.sql`update events set trailed_at = null, delivered_at = null`;
  await record(4, 'user_disabled');
  await relay();
  const pages = await Array.fromAsync(reader.readSince(longAgo));
  assert.deepEqual(
    pages.map((page) => page.map(({ data }) => data.number)),
    [[2], [2], [0, 3, 4]],
  );
});

test('after a restore the trail begins anew', async () => {
  await relay();
  const before = await reader.readHead(lineage);
  await forgetTrail(bench.migrator);
  await relay();
  const anew = await reader.readHead(lineage);
  assert.ok(Date.parse(anew?.complete_from ?? '') > Date.parse(before?.complete_from ?? ''));
});

test('an empty database in the place of one that was lost leaves what is known of that as it is', async () => {
  await relay();
  const head = await reader.readHead(lineage);
  assert.match(lineage, /^[\d.-]+$/);
  await bench.migrator
    .sql`update flyway_schema_history set installed_on = installed_on + interval '1 day' where installed_rank = 1`;
  const other = (await readLineage(bench.migrator)) ?? '';
  await bench.migrator.sql`update event_relay set trail_since = null`;
  await relay();
  assert.notEqual(other, lineage);
  assert.deepEqual(await reader.readHead(lineage), head);
  assert.ok(Date.parse((await reader.readHead(other))?.complete_from ?? '') > Date.parse(head?.complete_to ?? ''));
});
