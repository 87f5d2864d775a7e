/** The health of events: whether they are sent, how many wait and since when, without a word of what they say. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { eventsHealth } from '../../../functions/http/events-health/events-health.ts';
import { send } from '../../support/calls.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());
beforeEach(() => server.db.sql`truncate events`);

const record = (minutesAgo: number, count = 1) => server.db.sql`
  insert into events (at, type, subject, data, producer)
  select now() - make_interval(mins => ${minutesAgo}::integer), 'user_logout', 'users/planted', '{"planted": true}', 'test' from generate_series(1, ${count}::integer)`;
const health = () => send(server, '/events/health');

test('GET /events/health is 200 where nothing waits, and needs no authentication', async () => {
  const { status, headers, body } = await health();
  assert.deepEqual([status, headers.get('cache-control')], [200, 'no-store']);
  assert.deepEqual(body, {
    enabled: true,
    plugins: [{ name: 'eventbridge', healthy: true }],
    backlog: 0,
    oldest_seconds: 0,
    set_aside: 0,
    last_delivery: null,
    last_failure: null,
  });
});

test('events that wait for a moment are a backlog and no trouble; for more than five minutes they are 503 with Retry-After', async () => {
  await record(1, 3);
  const fresh = await health();
  assert.deepEqual([fresh.status, fresh.body.backlog], [200, 3]);
  await record(6);
  await server.db.sql`update events set sequence = default where at > now() - interval '2 minutes'`;
  const stale = await health();
  assert.deepEqual(
    [stale.status, stale.headers.get('retry-after'), stale.body.plugins],
    [503, '60', [{ name: 'eventbridge', healthy: false }]],
  );
  assert.ok(Number(stale.body.oldest_seconds) >= 360);
  assert.equal(stale.text.includes('planted'), false);
});

test('when the last one was delivered and the last one failed, and how many were set aside', async () => {
  await record(10);
  await server.db.sql`update events set set_aside_at = now(), set_aside_because = 'planted'`;
  await server.db.sql`update event_relay set last_delivered_at = '2026-11-23T08:30:00Z', last_failed_at = '2026-11-23T08:31:00Z'`;
  const { status, body, text } = await health();
  await server.db.sql`update event_relay set last_delivered_at = null, last_failed_at = null`;
  assert.deepEqual(
    [status, body.backlog, body.set_aside, body.last_delivery, body.last_failure],
    [200, 0, 1, '2026-11-23T08:30:00.000Z', '2026-11-23T08:31:00.000Z'],
  );
  assert.equal(text.includes('planted'), false);
});

test('a trail that is not written any more is trouble, too', async () => {
  const trailOf = async (age: string) => {
    await server.db.sql`update event_relay set trail_complete_to = now() - ${age}::text::interval`;
    const { status, body } = await health();
    return [status, body.plugins];
  };
  const bus = { name: 'eventbridge', healthy: true };
  assert.deepEqual(await trailOf('1 minute'), [200, [bus, { name: 'trail', healthy: true }]]);
  assert.deepEqual(await trailOf('6 minutes'), [503, [bus, { name: 'trail', healthy: false }]]);
  await server.db.sql`update event_relay set trail_complete_to = null`;
});

test('a backlog is counted up to ten thousand: who asks is not known', async () => {
  await record(1, 10_050);
  assert.equal((await health()).body.backlog, 10_000);
});

test('a stage without a bus says so', async () => {
  const { status, body } = await eventsHealth({ db: server.db, enabled: false });
  const { enabled, plugins } = JSON.parse(body);
  assert.deepEqual([status, enabled, plugins], [200, false, []]);
});
