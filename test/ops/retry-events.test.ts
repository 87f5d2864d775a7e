/** Events that were set aside are sent again when an operator says so, all or some of them. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { relayEvents } from '../../lib/ops/relay-events.ts';
import { retryEvents } from '../../lib/ops/retry-events.ts';
import type { CloudEvent } from '../../lib/protocol/cloud-event.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());
beforeEach(async () => {
  await bench.migrator.sql`truncate events, audit_log`;
  await bench.migrator.sql`
    insert into events (at, type, subject, data, producer, attempts, next_attempt_at, set_aside_at, set_aside_because)
    select now(), t, 'users/' || t, '{}', 'test', 12, now() + interval '1 hour', now(), 'MalformedDetail'
    from unnest('{user_logout,user_logout,user_disabled}'::text[]) as t`;
});

const retry = (order: object) =>
  runProcedure(retryEvents, { db: bench.operator, ...clock }, { reason: 'the bus is back', ...order });

test('the plan says how many of each type, and changes nothing', async () => {
  const { outcome, plan } = await retry({});
  assert.equal(outcome, 'planned');
  assert.deepEqual(plan.steps.slice(0, 2), [
    'send 1 event of the type user_disabled again',
    'send 2 events of the type user_logout again',
  ]);
  assert.equal((await bench.operator.sql`select from events where set_aside_at is not null`).length, 3);
});

test('they are due at once, as if never tried, and the relay sends them; a second run finds nothing', async () => {
  const { result } = await retry({ apply: true });
  assert.equal(result?.retried, 3);
  const taken: CloudEvent[] = [];
  const put = async (events: readonly CloudEvent[]) => {
    taken.push(...events);
    return events.map(() => undefined);
  };
  await runProcedure(
    relayEvents,
    { db: bench.operator, ...clock, issuer: 'https://i.example', publishes: () => true, put },
    { apply: true },
  );
  assert.equal(taken.length, 3);
  assert.equal((await retry({ apply: true })).result?.retried, 0);
  assert.deepEqual(
    (await readAuditLog(bench.operator)).rows.map(({ procedure, reason, detail }) => [procedure, reason, detail]),
    [
      ['retry-events', 'the bus is back', '3 events to be sent again'],
      ['retry-events', 'the bus is back', '0 events to be sent again'],
    ],
  );
});

test('some of them, by type or by subject', async () => {
  assert.equal((await retry({ apply: true, input: { types: ['user_disabled'] } })).result?.retried, 1);
  assert.equal((await retry({ apply: true, input: { subject: 'users/nobody' } })).result?.retried, 0);
  assert.equal((await retry({ apply: true, input: { subject: 'users/user_logout' } })).result?.retried, 2);
});

test('without a reason nothing happens', async () => {
  const { outcome, error } = await retry({ apply: true, reason: null });
  assert.deepEqual([outcome, error?.code], ['failed', 'reason_missing']);
});

test('those of a time that were delivered go out once more, with the same key; what was not delivered yet, or is of another time, stays', async () => {
  await bench.migrator.sql`truncate events`;
  await bench.migrator.sql`
    insert into events (at, type, subject, data, producer, delivered_at)
    select '2026-05-10T12:00:00Z'::timestamptz + make_interval(mins => n), 'user_logout', 'users/a', jsonb_build_object('n', n), 'test',
      case when n < 9 then now() end
    from generate_series(1, 9) as n`;
  const sent: CloudEvent[] = [];
  const put = async (events: readonly CloudEvent[]) => {
    sent.push(...events);
    return events.map(() => undefined);
  };
  const [known] = await bench.migrator.sql`select event_id::text as id from events where data->>'n' = '3'`;
  const input = { since: '2026-05-10T12:03:00Z', until: '2026-05-10T12:05:00Z' };
  assert.match(
    (await retry({ input })).plan.steps.join(),
    /send 3 events of the type user_logout again.*know.* by their idempotency key/s,
  );
  assert.equal((await retry({ apply: true, input })).result?.retried, 3);
  await bench.migrator.sql`update event_relay set held_until = null`;
  await runProcedure(
    relayEvents,
    { db: bench.operator, ...clock, issuer: 'https://i.example', publishes: () => true, put },
    { apply: true },
  );
  assert.deepEqual(
    sent.map(({ data }) => data.n),
    [3, 4, 5, 9],
  );
  assert.equal(sent[0]?.idempotencykey, known?.id);
  const { error } = await retry({ input: { since: '2026-05-10T12:03:00Z' } });
  assert.match(String(error?.message), /give both since and until, or neither/);
});

test('more than a statement may take go batch by batch, each once, also while the relay already sends them', async () => {
  await bench.migrator.sql`truncate events`;
  await bench.migrator.sql`
    insert into events (at, type, subject, data, producer, delivered_at)
    select '2026-05-10T12:00:00Z'::timestamptz + make_interval(secs => n / 100), 'user_logout', 'users/' || n, '{}', 'test', now()
    from generate_series(1, 12000) as n`;
  // As a relay that is quicker than anyone: what is let go is delivered at once.
  await bench.migrator.sql.unsafe(`
    create function deliver() returns trigger language plpgsql as $$ begin new.delivered_at := now(); new.attempts := 1; return new; end $$;
    create trigger deliver before update on events for each row execute function deliver()`);
  const input = { since: '2026-05-10T12:00:00Z', until: '2026-05-10T13:00:00Z' };
  const { result, outcome } = await retry({ apply: true, input });
  await bench.migrator.sql.unsafe('drop trigger deliver on events; drop function deliver()');
  assert.deepEqual([outcome, result], ['succeeded', { retried: 12_000 }]);
  const [row] = await bench.migrator.sql`select count(*)::integer as sent from events where attempts = 1`;
  assert.equal(row?.sent, 12_000);
});
