/** The relay on a real Postgres: order within a subject, one relay at a time, failures that wait, a broken bus that loses nothing. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { runProcedure } from '../../lib/ops/procedure.ts';
import { BusUnavailable, type PutEvents } from '../../lib/ops/put-events.ts';
import { type RelayTools, relayEvents } from '../../lib/ops/relay-events.ts';
import type { CloudEvent } from '../../lib/protocol/cloud-event.ts';
import type { Database } from '../../lib/store/database.ts';
import { mostAttempts, releaseLease, takeLease } from '../../lib/store/event-relay.ts';
import { clock, openWorkbench, readAuditLog, type Workbench } from './workbench.ts';

let bench: Workbench;
before(async () => {
  bench = await openWorkbench();
});
after(() => bench.stop());
beforeEach(async () => {
  await bench.migrator.sql`truncate events`;
  await bench.migrator
    .sql`update event_relay set holder = null, held_until = null, last_delivered_at = null, last_failed_at = null`;
});

/** A bus that remembers what it took. */
function openTestBus(faultOf: (event: CloudEvent) => string | undefined = () => undefined) {
  const taken: CloudEvent[] = [];
  const requests: number[] = [];
  const put: PutEvents = async (events) => {
    requests.push(events.length);
    const faults = events.map(faultOf);
    taken.push(...events.filter((_, index) => faults[index] === undefined));
    return faults;
  };
  return { put, taken, requests };
}

const relay = async (put: PutEvents | undefined, more: Partial<RelayTools> = {}) => {
  const tools = {
    db: bench.operator,
    ...clock,
    issuer: 'https://issuer.example',
    publishes: () => true,
    ...(put && { put }),
    ...more,
  };
  const answer = await runProcedure(relayEvents, tools, { apply: true, actor: 'schedule' });
  assert.equal(answer.outcome, 'succeeded', JSON.stringify(answer));
  return answer.result as NonNullable<typeof answer.result>;
};

/** Records events about these subjects, in order; the data says which one of its subject it is. */
async function record(
  subjects: readonly (string | null)[],
  type = 'user_authenticated',
  db: Database = bench.migrator,
): Promise<void> {
  const counts = new Map<string | null, number>();
  const rows = subjects.map((subject) => {
    const number = (counts.get(subject) ?? 0) + 1;
    counts.set(subject, number);
    return { at: new Date(), type, subject, data: { number }, producer: 'test' };
  });
  for (let from = 0; from < rows.length; from += 1000)
    await db.sql`
      insert into events (at, type, subject, data, producer)
      select (r->>'at')::timestamptz, r->>'type', r->>'subject', r->'data', r->>'producer'
      from jsonb_array_elements(${db.sql.json(rows.slice(from, from + 1000) as never)}) with ordinality as e (r, n) order by n`;
}

const numbersOf = (events: readonly CloudEvent[], subject: string) =>
  events.filter((event) => event.subject === subject).map(({ data }) => data.number);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const makeDue = () =>
  bench.migrator.sql`update events set next_attempt_at = now() - interval '1 second' where next_attempt_at is not null`;

test('an empty outbox is nothing to do, and no entry of the audit log', async () => {
  const bus = openTestBus();
  assert.deepEqual(await relay(bus.put), {
    relayed_here: true,
    delivered: 0,
    kept_back: 0,
    failed: 0,
    bus_fault: null,
    trailed: 0,
    trail_fault: null,
    waiting: 0,
    oldest_seconds: 0,
    set_aside: 0,
  });
  assert.equal(bus.requests.length, 0);
  assert.equal((await readAuditLog(bench.operator)).rows.length, 0);
});

test('each event is sent once, those of one subject in order, never two of them in one request', async () => {
  const subjects = Array.from({ length: 25 }, (_, index) => `users/${index}`);
  await record(upTo(8).flatMap(() => subjects));
  let together = 0;
  const bus = openTestBus();
  const put: PutEvents = async (events) => {
    if (new Set(events.map(({ subject }) => subject)).size < events.length) together++;
    return bus.put(events);
  };
  const { delivered, waiting } = await relay(put);
  assert.deepEqual([delivered, waiting, bus.taken.length, together], [200, 0, 200, 0]);
  for (const subject of subjects) assert.deepEqual(numbersOf(bus.taken, subject), upTo(8));
  assert.ok(bus.requests.every((size) => size <= 10));
  assert.equal((await relay(bus.put)).delivered, 0);
});

test('tokens that one client got for itself have no order, and fill whole requests', async () => {
  await record(
    upTo(35).map(() => 'clients/busy'),
    'token_created',
  );
  await record(['clients/busy'], 'client_disabled');
  const bus = openTestBus();
  await relay(bus.put);
  assert.deepEqual(
    bus.requests.toSorted((a, b) => b - a),
    [10, 10, 10, 5, 1],
  );
  assert.equal(bus.taken.at(-1)?.type, 'client_disabled');
});

test('behind an event that failed nothing of its subject is sent, until its time comes; the others go on', async () => {
  await record(['users/a', 'users/b', 'users/a', 'users/a', 'users/b', null, null]);
  const broken = openTestBus(({ subject }) => (subject === 'users/a' ? 'InternalFailure: try again' : undefined));
  const { delivered, failed, waiting } = await relay(broken.put);
  assert.deepEqual([delivered, failed, waiting], [4, 1, 3]);
  const [row] = await bench.operator.sql`select attempts, next_attempt_at from events where attempts > 0`;
  assert.equal(row?.attempts, 1);
  assert.ok(Math.abs(row?.next_attempt_at.getTime() - Date.now() - 60_000) < 10_000);
  // Not due yet, and what is behind it is not either.
  const bus = openTestBus();
  await record(['users/a']);
  assert.equal((await relay(bus.put)).delivered, 0);
  await makeDue();
  assert.equal((await relay(bus.put)).delivered, 4);
  assert.deepEqual(numbersOf(bus.taken, 'users/a'), [1, 2, 3, 1]);
});

test('an event that fails too often is set aside with its reason, and holds nobody up any more', async () => {
  await record(['users/a', 'users/a']);
  const bus = openTestBus(({ data }) => (data.number === 1 ? 'MalformedDetail: no' : undefined));
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    const { set_aside } = await relay(bus.put);
    assert.equal(set_aside, attempt === mostAttempts ? 1 : 0);
    await makeDue();
  }
  assert.equal((await relay(bus.put)).delivered, 1);
  const [row] = await bench.operator.sql`select attempts, set_aside_because from events where set_aside_at is not null`;
  assert.deepEqual({ ...row }, { attempts: mostAttempts, set_aside_because: 'MalformedDetail: no' });
  const gauge = bench.output.metrics().at(-2);
  assert.equal(gauge?.events_set_aside, 1);
});

test('a broken bus fails no run, counts as no attempt and loses nothing, however long', async () => {
  await record(['users/a', 'users/b', null]);
  await bench.migrator.sql`update events set at = at - interval '20 minutes'`;
  const put: PutEvents = async () => {
    throw new BusUnavailable('TimeoutError: no answer');
  };
  for (let time = 0; time < 3; time++) {
    const { delivered, waiting, oldest_seconds, bus_fault } = await relay(put);
    assert.deepEqual([delivered, waiting, bus_fault], [0, 3, 'TimeoutError: no answer']);
    assert.ok(oldest_seconds >= 1200);
  }
  const rows = await bench.operator.sql`select attempts from events`;
  assert.ok(rows.every(({ attempts }) => attempts === 0));
  const [state] = await bench.operator.sql`select last_failed_at, last_delivered_at from event_relay`;
  assert.ok(state?.last_failed_at);
  assert.equal(state?.last_delivered_at, null);
  const bus = openTestBus();
  assert.equal((await relay(bus.put)).delivered, 3);
});

test('of two runs at once one relays and the other does nothing; a run that was cut off holds nobody up for long', async () => {
  await record(upTo(50).map((number) => `users/${number}`));
  const bus = openTestBus();
  const other = bench.connect('oauth2_operator');
  const meanwhile: boolean[] = [];
  const put: PutEvents = async (events) => {
    meanwhile.push((await relay(bus.put, { db: other })).relayed_here);
    return bus.put(events);
  };
  assert.equal((await relay(put)).relayed_here, true);
  assert.deepEqual([bus.taken.length, meanwhile], [50, Array(5).fill(false)]);

  const cutOff = randomUUID();
  assert.equal(await takeLease(bench.operator, cutOff), true);
  await record(['users/late']);
  assert.equal((await relay(bus.put)).relayed_here, false);
  await bench.migrator.sql`update event_relay set held_until = null`;
  assert.equal((await relay(bus.put)).delivered, 1);
  // It comes back to a lease that is not its own any more.
  await releaseLease(bench.operator, cutOff);
});

test('what was sent and not noted is sent again, with the same id and idempotency key', async () => {
  await record(['users/a', 'users/a']);
  const bus = openTestBus();
  // Another run takes over while this one waits for the bus.
  const put: PutEvents = async (events) => {
    await bench.migrator.sql`update event_relay set holder = gen_random_uuid()`;
    return bus.put(events);
  };
  assert.equal((await relay(put)).delivered, 0);
  await bench.migrator.sql`update event_relay set held_until = null`;
  assert.equal((await relay(bus.put)).delivered, 2);
  const keys = bus.taken.map(({ idempotencykey }) => idempotencykey);
  assert.equal(keys.length, 4);
  assert.deepEqual(keys.slice(0, 2), keys.slice(2));
});

test('what the filter keeps from the bus is recorded for a restore alone, and does not wait', async () => {
  await record(['users/a'], 'user_logout');
  await record(['users/a'], 'user_authenticated');
  const bus = openTestBus();
  const { delivered, kept_back, waiting } = await relay(bus.put, { publishes: (type) => type === 'user_authenticated' });
  assert.deepEqual([delivered, kept_back, waiting], [1, 1, 0]);
  await record(['users/a'], 'user_logout');
  assert.deepEqual(await relay(undefined).then(({ kept_back: kept, waiting: left }) => [kept, left]), [1, 0]);
});

test('a backlog of many thousands is drained in one run, in few statements, in order', async () => {
  const subjects = Array.from({ length: 20_000 }, (_, index) => `users/${index % 3000}`);
  await record(subjects);
  const bus = openTestBus();
  let total = 0;
  const { sql, ask } = bench.operator;
  const countedAsk: Database['ask'] = (question, query) => {
    total++;
    return ask(question, query);
  };
  const counting = { ...bench.operator, sql, ask: countedAsk };
  const started = performance.now();
  const { delivered, waiting } = await relay(bus.put, { db: counting });
  const seconds = (performance.now() - started) / 1000;
  assert.deepEqual([delivered, waiting], [20_000, 0]);
  for (const subject of ['users/0', 'users/1234', 'users/2999'])
    assert.deepEqual(numbersOf(bus.taken, subject), upTo(numbersOf(bus.taken, subject).length));
  assert.ok(total > 20 && total <= 2 * 21 + 3, `${total} statements`);
  assert.ok(seconds < 40, `${seconds} s`);
  if (process.env.OAUTH2_SHOW_FIGURES) process.stderr.write(`${Math.round(20_000 / seconds)} events/s, ${total} statements\n`);
});

test('events that are recorded meanwhile, by transactions that commit out of order, are all sent, each subject in order', async () => {
  const bus = openTestBus();
  const writers = Array.from({ length: 4 }, () => bench.connect('oauth2_api'));
  const writing = Promise.all(
    writers.map(async (db, writer) => {
      for (let number = 1; number <= 40; number++)
        await db.sql.begin(async (sql) => {
          await sql`insert into events (at, type, subject, data, producer) values (now(), 'user_authenticated', ${`users/w${writer}`}, ${sql.json({ number })}, 'test')`;
          if (number % 4 === writer) await sql`select pg_sleep(0.002)`;
        });
    }),
  );
  let over = false;
  void writing.finally(() => {
    over = true;
  });
  while (!over) await relay(bus.put);
  await writing;
  await relay(bus.put);
  for (let writer = 0; writer < 4; writer++) assert.deepEqual(numbersOf(bus.taken, `users/w${writer}`), upTo(40));
});
